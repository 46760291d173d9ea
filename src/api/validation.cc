#include "validation.h"

namespace spillway::api {

std::string immutable_message(std::string_view field, std::string_view kind) {
  return std::string(field) + " cannot be changed: create a new " + std::string(kind) +
         " with another name instead";
}

}  // namespace spillway::api
