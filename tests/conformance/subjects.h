#pragma once
// Who is asked: the model, or a real API server.

#include <functional>
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

// How much a watch is expected to say.
struct Wanted {
  std::size_t frames = 0;
  std::function<bool(const nlohmann::json& frame)> counts;
};

class Subject {
 public:
  virtual ~Subject() = default;
  virtual Reply ask(const kube::HttpRequest& request) = 0;
  // Until it has said `expected` frames that count and is silent then, or is silent for long.
  virtual Reply watch(const kube::HttpRequest& request, const Wanted& wanted) = 0;
};

std::unique_ptr<Subject> model_subject();
// Installs the CRDs. The administrator of a cluster that nothing else uses; its controllers do not
// run.
std::unique_ptr<Subject> real_subject(const std::string& kubeconfig);

// The answers in the order of the script. `like`: those of another, which say how much each watch
// has to say.
std::vector<Reply> run(Subject& subject, const std::vector<Step>& steps,
                       const std::vector<Reply>& like = {});

}  // namespace spillway::conformance
