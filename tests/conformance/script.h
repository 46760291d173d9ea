#pragma once
// Every form of request that Spillway and the models send, in an order that makes each meet what it
// can meet: the same script for the model API server and for a real one.

#include <set>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include <spillway/kube/transport.h>

namespace spillway::conformance {

inline constexpr const char* kOurs = "conformance";

// `target` and `body` may name earlier answers: "${made.uid}" and "${made.version}" of the step
// called "made".
struct Step {
  std::string name;
  kube::Method method = kube::Method::kGet;
  std::string target;
  std::string content_type;
  nlohmann::json body;  // null: none
  bool watch = false;   // reads what the watch says until it is silent
  // Of a list or a watch: only objects that carry the label kOurs are compared.
  bool among_others = false;
};

std::vector<Step> script();

// The forms (request_form.h) of all of its steps.
const std::set<std::string>& scripted_forms();
// Of forms that are asked of an API server those that no step has, as sentences: nothing holds the
// model to the real one in them.
std::vector<std::string> unscripted(const std::set<std::string>& forms);

}  // namespace spillway::conformance
