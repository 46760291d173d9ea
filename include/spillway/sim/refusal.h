#pragma once
// What the API server says when it does not do what it was asked: the Status object of the real
// one, word for word where the conformance script compares it (tests/conformance).

#include <string>
#include <vector>

#include <nlohmann/json.hpp>
#include <tl/expected.hpp>

#include <spillway/core/object.h>
#include <spillway/kube/resource_type.h>
#include <spillway/sim/schema.h>

namespace spillway::sim {

struct Refusal {
  int code = 500;
  std::string reason;
  std::string message;
  nlohmann::json details;  // null: none

  [[nodiscard]] nlohmann::json to_json() const;
};
template <class T>
using Answer = tl::expected<T, Refusal>;
using Refused = tl::unexpected<Refusal>;

Refused not_found(const kube::ResourceType& type, const ObjectName& name);
Refused already_exists(const kube::ResourceType& type, const ObjectName& name);
// `Operation cannot be fulfilled on jobs.batch "a": <why>`
Refused conflict(const kube::ResourceType& type, const ObjectName& name, const std::string& why);
Refused object_modified(const kube::ResourceType& type, const ObjectName& name);
Refused invalid_object(const kube::ResourceType& type, const ObjectName& name,
                       const std::vector<Cause>& causes);
// Of the request's own parameters: "ListOptions", "PatchOptions".
Refused invalid_options(const std::string& kind, const Cause& cause);
Refused bad_request(std::string message);
Refused forbidden(const kube::ResourceType& type, const ObjectName& name, const std::string& why);
Refused expired(std::string message);
Refused version_too_large(std::uint64_t asked, std::uint64_t current);
// A request that nothing of Spillway sends: the model does not know its answer, and a test that
// sees this fails.
Refused not_implemented(const std::string& request);

}  // namespace spillway::sim
