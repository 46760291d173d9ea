#pragma once
// Who is asked: the model, or a real API server.

#include <memory>
#include <string>
#include <vector>

#include <spillway/kube/transport.h>

#include "script.h"

namespace spillway::conformance {

struct Reply {
  int status = 0;
  nlohmann::json body;  // of a watch: the list of its frames
};

class Subject {
 public:
  virtual ~Subject() = default;
  virtual Reply ask(const kube::HttpRequest& request) = 0;
  virtual Reply watch(const kube::HttpRequest& request) = 0;
};

std::unique_ptr<Subject> model_subject();
// Installs the CRDs. The administrator of a cluster that nothing else uses; its controllers do not
// run.
std::unique_ptr<Subject> real_subject(const std::string& kubeconfig);

// The answers in the order of the script.
std::vector<Reply> run(Subject& subject, const std::vector<Step>& steps);

}  // namespace spillway::conformance
