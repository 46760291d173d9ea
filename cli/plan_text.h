#pragma once
// `kubectl spillway plan`, as text and as a document.

#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "prospect.h"

namespace spillway::cli {

struct PlanView {
  Outlook outlook;
  std::string cluster;  // "context 'kind' of ~/.kube/config"
  bool with_files = false;
  // With files: workloads outside of them for which the plan is another one because of them.
  std::vector<ObjectKey> affected_training, affected_inference;
  std::vector<std::string> remarks;  // what is to be known beside it, one sentence each
  std::optional<Namespace> only;     // show workloads of this namespace alone
  bool all = false;                  // list what stays as well
};

// Puts into `view` what the files change for others, by comparing with the plan without them.
void compare(PlanView& view, const Outlook& without_files);

std::string plan_text(const PlanView& view);
nlohmann::ordered_json plan_document(const PlanView& view);

}  // namespace spillway::cli
