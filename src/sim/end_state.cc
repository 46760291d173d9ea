#include <spillway/sim/end_state.h>

#include <algorithm>
#include <array>

#include <spillway/control/keys.h>
#include <spillway/control/world.h>
#include <spillway/sim/model.h>

namespace spillway::sim {
namespace {

using nlohmann::json;

const std::array kCompared = {
    control::kTrainingJobs, control::kInferencePools, control::kCapacityPools,    kube::kJobs,
    kube::kDeployments,     kube::kServices,          kube::kPodDisruptionBudgets};
const std::array kMade = {kube::kJobs, kube::kDeployments, kube::kServices,
                          kube::kPodDisruptionBudgets};

std::string name_of(const kube::ResourceType& type, const ObjectKey& key) {
  return type.to_string() + " " + key.to_string();
}

// Fields that are amounts of time or money, or sentences that name them.
bool varies(const std::string& field) {
  constexpr std::array kFields = {
      "uid", "resourceVersion", "creationTimestamp", "managedFields", "deletionTimestamp", "cost",
      "eta", "lostSeconds", "message", "life", "note", "controller-uid",
      "batch.kubernetes.io/controller-uid", "clusterIP", "clusterIPs", "observedAt",
      "uncountedTerminatedPods",
      // what was saved when
      "checkpoint", "progress", "save", "ended", "resumeFrom", "spillway.dev/resumed-compute-time",
      "spillway.dev/placed-at", "spillway.dev/applied-hash"};  // of content that names uids
  return std::ranges::find(kFields, field) != kFields.end();
}

bool is_instant(const json& value) {
  if (!value.is_string()) return false;
  const auto& text = value.get_ref<const std::string&>();
  return text.size() >= 20 && text[4] == '-' && text[10] == 'T' && parse_instant(text).has_value();
}

// "spillway-token-6f1c...": the part that is an identity.
std::string without_uid(std::string text) {
  constexpr std::size_t kLength = 36;
  constexpr std::array<std::size_t, 4> kDashes = {8, 13, 18, 23};
  for (std::size_t at = 0; at + kLength <= text.size(); ++at) {
    bool is_uid = true;
    for (std::size_t i = 0; i < kLength && is_uid; ++i) {
      const bool dash = std::ranges::find(kDashes, i) != kDashes.end();
      const char c = text[at + i];
      is_uid = dash ? c == '-' : (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
    }
    if (is_uid) text.replace(at, kLength, "<uid>");
  }
  return text;
}

// A variable of a container that says where to go on.
bool is_resume_point(const json& value) {
  return value.value("name", json()).is_string() && value.contains("value") &&
         value["name"].get_ref<const std::string&>().starts_with("SPILLWAY_RESUME_");
}

void normalise(json& value) {
  if (value.is_array()) {
    std::erase_if(value.get_ref<json::array_t&>(),
                  [](const json& item) { return item.is_object() && is_resume_point(item); });
    for (json& item : value)
      normalise(item);
  }
  if (value.is_string()) value = without_uid(value.get<std::string>());
  if (!value.is_object()) return;
  for (auto at = value.begin(); at != value.end();) {
    if (varies(at.key())) {
      at = value.erase(at);
      continue;
    }
    if (is_instant(at.value()))
      at.value() = "<time>";
    else
      normalise(at.value());
    ++at;
  }
}

// What was seen of an interruption: a notice that came and went unseen is none.
void forget_sights(json& status) {
  const auto conditions = status.find("conditions");
  if (conditions == status.end()) return;
  std::erase_if(conditions->get_ref<json::array_t&>(),
                [](const json& condition) { return condition.value("type", "") == "Interrupted"; });
}

json normalised(const json& object) {
  json copy = object;
  normalise(copy);
  if (copy.contains("status")) forget_sights(copy["status"]);
  if (copy.contains("status") && copy["status"].contains("placement")) {
    copy["status"]["placement"].erase("reason");        // names prices and times
    copy["status"]["placement"].erase("alternatives");  // the prices of the moment
  }
  if (copy.contains("status")) {
    copy["status"].erase("alternatives");
    copy["status"].erase("reason");
  }
  return copy;
}

std::string describe(const json& pod) {
  const json labels = pod.at("metadata").value("labels", json::object());
  const std::string owner =
      labels.value("batch.kubernetes.io/job-name",
                   labels.value("spillway.dev/inference-pool", std::string("somebody's")));
  return owner + " " + labels.value("batch.kubernetes.io/job-completion-index", "") + " " +
         pod.value("/status/phase"_json_pointer, "") + " on " +
         labels.value("spillway.dev/pool", "") + (is_deleting(pod) ? " ending" : "");
}

// An attempt that is over leaves a Job that failed by itself, for its logs, or none, because the
// operator ended it while it was still alive. Which of the two, depends on who saw the loss first,
// so only attempts in force are compared.
bool of_earlier_attempt(const ApiServer& server, const Namespace& ns, const json& labels) {
  const std::string owner = labels.value(std::string(control::label::kTrainingJob), "");
  const std::string attempt = labels.value(std::string(control::label::kAttempt), "");
  if (owner.empty() || attempt.empty()) return false;
  const Object job = server.find(control::kTrainingJobs, {.ns = ns, .name = ObjectName(owner)});
  return job && std::stoll(attempt) < job->value("/status/attempt"_json_pointer, std::int64_t{0});
}

void compare_counts(const char* what, const std::map<std::string, int>& expected,
                    const std::map<std::string, int>& found, std::vector<std::string>& sentences) {
  std::map<std::string, std::pair<int, int>> both;
  for (const auto& [name, count] : expected)
    both[name].first = count;
  for (const auto& [name, count] : found)
    both[name].second = count;
  for (const auto& [name, counts] : both) {
    if (counts.first == counts.second) continue;
    sentences.push_back(name + ": " + what + " " + std::to_string(counts.second) +
                        " times instead of " + std::to_string(counts.first));
  }
}

}  // namespace

LifeCounter::LifeCounter(ApiServer& server) : server_(server) {
  server.listen([this](const Change& change) {
    if (std::ranges::find(kMade, change.type) == kMade.end()) return;
    if (change.kind == ChangeKind::kAdded) ++created_[name_of(change.type, change.key)];
    if (change.kind == ChangeKind::kDeleted) ++deleted_[name_of(change.type, change.key)];
  });
}

EndState LifeCounter::end_state() const {
  EndState state{.created = created_, .deleted = deleted_};
  for (const kube::ResourceType& type : kCompared) {
    for (const auto& [key, object] : server_.all(type)) {
      const json labels = object->at("metadata").value("labels", json::object());
      if (!of_earlier_attempt(server_, key.ns, labels))
        state.objects[name_of(type, key)] = normalised(*object);
    }
  }
  for (const auto& [key, job] : server_.all(control::kTrainingJobs)) {
    for (auto attempt = job->value("/status/attempt"_json_pointer, std::int64_t{0}) - 1;
         attempt > 0; --attempt) {
      state.deleted.erase(name_of(
          kube::kJobs,
          {.ns = key.ns, .name = ObjectName(key.name.str() + "-" + std::to_string(attempt))}));
    }
  }
  for (const auto& [key, pod] : server_.all(kube::kPods)) {
    const json labels = pod->at("metadata").value("labels", json::object());
    if (!of_earlier_attempt(server_, key.ns, labels)) ++state.pods[describe(*pod)];
  }
  return state;
}

std::vector<std::string> differences(const EndState& expected, const EndState& found) {
  std::vector<std::string> sentences;
  for (const auto& [name, object] : expected.objects) {
    const auto there = found.objects.find(name);
    if (there == found.objects.end()) {
      sentences.push_back(name + " is missing");
    } else if (there->second != object) {
      sentences.push_back(name + " differs: " + json::diff(object, there->second).dump());
    }
  }
  for (const auto& [name, object] : found.objects) {
    if (!expected.objects.contains(name)) sentences.push_back(name + " should not be there");
  }
  compare_counts("there", expected.pods, found.pods, sentences);
  compare_counts("created", expected.created, found.created, sentences);
  compare_counts("deleted", expected.deleted, found.deleted, sentences);
  return sentences;
}

}  // namespace spillway::sim
