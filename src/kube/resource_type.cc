#include <spillway/kube/resource_type.h>

namespace spillway::kube {

std::string percent_encode(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool unreserved = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                            (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~';
    if (unreserved) {
      out += c;
    } else {
      out += '%';
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    }
  }
  return out;
}

std::string ResourceType::api_version() const {
  return group.empty() ? std::string(version) : std::string(group) + "/" + std::string(version);
}

std::string ResourceType::collection_target(const Namespace& ns) const {
  std::string target = group.empty() ? "/api/" : "/apis/";
  target += api_version();
  if (namespaced && !ns.empty()) target += "/namespaces/" + percent_encode(ns.str());
  return target + "/" + std::string(plural);
}

std::string ResourceType::object_target(const ObjectKey& key, std::string_view subresource) const {
  std::string target = collection_target(key.ns) + "/" + percent_encode(key.name.str());
  if (!subresource.empty()) target += "/" + std::string(subresource);
  return target;
}

std::string ResourceType::to_string() const {
  return group.empty() ? std::string(plural) : std::string(plural) + "." + std::string(group);
}

}  // namespace spillway::kube
