#include <nlohmann/json.hpp>

#include <spillway/api/schema.h>

namespace spillway::api {

// A CRD's rules see no clock and of metadata only the name; an admission policy sees
// creationTimestamp, which the API server sets before it validates. The policy is asked only when
// the deadline is new, so that a job whose deadline has passed can still be changed, suspended and
// deleted.
nlohmann::ordered_json admission_policies() {
  using Json = nlohmann::ordered_json;
  constexpr const char* kName = "spillway-deadline";
  const Json matching = {{"apiGroups", {std::string(kGroup)}},
                         {"apiVersions", {std::string(kVersion)}},
                         {"operations", {"CREATE", "UPDATE"}},
                         {"resources", {std::string(kResource<TrainingJob>.plural)}}};
  const Json condition = {{"name", "deadline-is-new"},
                          {"expression",
                           "has(object.spec.deadline) && (oldObject == null || "
                           "!has(oldObject.spec.deadline) || object.spec.deadline != "
                           "oldObject.spec.deadline)"}};
  const Json validation = {
      {"expression",
       "timestamp(object.spec.deadline) > timestamp(object.metadata.creationTimestamp)"},
      {"messageExpression",
       "'spec.deadline: ' + object.spec.deadline + ' is not after the creation of the job at ' + "
       "string(object.metadata.creationTimestamp) + ': write a time that is still to come'"},
      {"message",
       "spec.deadline is not after the creation of the job: write a time that is still to come"},
      {"reason", "Invalid"}};
  const Json policy = {{"apiVersion", "admissionregistration.k8s.io/v1"},
                       {"kind", "ValidatingAdmissionPolicy"},
                       {"metadata", {{"name", kName}}},
                       {"spec",
                        {{"failurePolicy", "Fail"},
                         {"matchConstraints", {{"resourceRules", Json::array({matching})}}},
                         {"matchConditions", Json::array({condition})},
                         {"validations", Json::array({validation})}}}};
  const Json binding = {{"apiVersion", "admissionregistration.k8s.io/v1"},
                        {"kind", "ValidatingAdmissionPolicyBinding"},
                        {"metadata", {{"name", kName}}},
                        {"spec", {{"policyName", kName}, {"validationActions", {"Deny"}}}}};
  return Json::array({policy, binding});
}

}  // namespace spillway::api
