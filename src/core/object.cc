#include <spillway/core/object.h>

namespace spillway {

std::string ObjectKey::to_string() const {
  return ns.empty() ? name.str() : ns.str() + "/" + name.str();
}

}  // namespace spillway
