#pragma once
// Every form of request that Spillway and the models send, in an order that makes each meet what it
// can meet: the same script for the model API server and for a real one.

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include <spillway/kube/transport.h>

namespace spillway::conformance {

// `target` and `body` may name earlier answers: "${made.uid}" and "${made.version}" of the step
// called "made".
struct Step {
  std::string name;
  kube::Method method = kube::Method::kGet;
  std::string target;
  std::string content_type;
  nlohmann::json body;  // null: none
  bool watch = false;   // reads what the watch says until it is silent
};

std::vector<Step> script();

}  // namespace spillway::conformance
