#pragma once
// A request target, understood. Internal to api_server.cc and lists_and_watches.cc.

#include <map>
#include <string>

#include <spillway/sim/api_server.h>

namespace spillway::sim {

struct ApiServer::Target {
  const Kind* kind = nullptr;
  ObjectKey key;  // no name: the collection
  std::string subresource;
  std::map<std::string, std::string> query;

  [[nodiscard]] std::string parameter(const std::string& name) const {
    const auto found = query.find(name);
    return found == query.end() ? std::string() : found->second;
  }
  [[nodiscard]] bool flag(const std::string& name) const {
    const std::string value = parameter(name);
    return value == "1" || value == "true";
  }
};

kube::HttpResponse json_response(int status, const nlohmann::json& body);
// "123" as a version; empty text is 0.
Answer<std::uint64_t> parse_version(const std::string& text);

}  // namespace spillway::sim
