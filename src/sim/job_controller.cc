#include <spillway/sim/job_controller.h>

#include <algorithm>

#include "index_ranges.h"
#include "json_fields.h"

namespace spillway::sim {
namespace {

using nlohmann::json;

constexpr Duration kLatency = std::chrono::milliseconds(20);
constexpr const char* kTracking = "batch.kubernetes.io/job-tracking";
constexpr const char* kIndex = "batch.kubernetes.io/job-completion-index";
constexpr const char* kFailures = "batch.kubernetes.io/job-index-failure-count";
constexpr const char* kIgnored = "batch.kubernetes.io/job-index-ignored-failure-count";
constexpr Duration kBackoff = std::chrono::seconds(10);
constexpr Duration kLongestBackoff = std::chrono::minutes(10);

bool tracked(const json& pod) {
  return std::ranges::any_of(list_in(pod, "metadata", "finalizers"), [](const json& finalizer) {
    return finalizer.get_ref<const std::string&>() == kTracking;
  });
}
int annotation_number(const json& pod, const char* name) {
  const std::string text = string_in(pod, "metadata", "annotations", name);
  return text.empty() ? 0 : std::stoi(text);
}
int index_of(const json& pod) {
  return annotation_number(pod, kIndex);
}

std::optional<int> exit_code(const json& pod) {
  for (const json& container : list_in(pod, "status", "containerStatuses")) {
    const int code = static_cast<int>(number_in(container, 0, "state", "terminated", "exitCode"));
    if (code != 0) return code;
  }
  return std::nullopt;
}

bool matches(const json& rule, const json& pod) {
  for (const json& pattern : rule.value("onPodConditions", json::array())) {
    const json* condition = condition_of(pod, pattern.at("type"));
    if (condition != nullptr && condition->at("status") == pattern.value("status", "True"))
      return true;
  }
  if (!rule.contains("onExitCodes")) return false;
  const auto code = exit_code(pod);
  const json values = rule["onExitCodes"].value("values", json::array());
  const bool listed = code && std::ranges::find(values, json(*code)) != values.end();
  return code && (rule["onExitCodes"].value("operator", "In") == "In" ? listed : !listed);
}

}  // namespace

// One look at one Job.
class JobController::Sync {
 public:
  Sync(JobController& controller, ObjectKey key, const json& job)
      : controller_(controller),
        key_(std::move(key)),
        job_(job),
        spec_(job.at("spec")),
        status_(job.value("status", json::object())),
        completed_(parse_ranges(status_.value("completedIndexes", ""))),
        failed_indexes_(parse_ranges(status_.value("failedIndexes", ""))) {}

  void run() {
    pods_ =
        controller_.owners_.children(job_.at("metadata").at("uid").get<std::string>(), kube::kPods);
    if (condition_holds(job_, "Complete") || condition_holds(job_, "Failed") || is_deleting(job_)) {
      for (const Object& pod : pods_)
        release(*pod);
      return;
    }
    if (!status_.contains("startTime") && !suspended()) status_["startTime"] = controller_.stamp();
    for (const Object& pod : pods_) {
      if (!waits_for_successor(*pod)) count(*pod);
    }
    judge();
    manage();
    write_status();
    for (const Object& pod : pods_) {
      if (has_ended(*pod) && !waits_for_successor(*pod)) release(*pod);
    }
  }

 private:
  [[nodiscard]] bool suspended() const { return spec_.value("suspend", false); }
  [[nodiscard]] int completions() const {
    return spec_.value("completions", spec_.value("parallelism", 1));
  }
  [[nodiscard]] bool per_index() const { return spec_.contains("backoffLimitPerIndex"); }

  // Where indexes have limits of their own the last failed pod of one is kept, uncounted, until its
  // successor is there: that takes over its counts (KEP-3850, delayed deletion).
  [[nodiscard]] bool waits_for_successor(const json& pod) const {
    if (!per_index() || phase_in(pod) != "Failed" || !tracked(pod) || target() != nullptr)
      return false;
    const auto [action, rule] = action_for(pod);
    if (action == "FailIndex" || action == "FailJob" || (action == "Count" && exhausted(pod)))
      return false;
    return std::ranges::none_of(pods_, [&](const Object& other) {
      return index_of(*other) == index_of(pod) && generation_of(*other) > generation_of(pod);
    });
  }
  static int generation_of(const json& pod) {
    return annotation_number(pod, kFailures) + annotation_number(pod, kIgnored);
  }
  [[nodiscard]] bool exhausted(const json& pod) const {
    return annotation_number(pod, kFailures) >= spec_["backoffLimitPerIndex"].get<int>();
  }

  // What the failure policy says of a failed pod, and by which of its rules.
  [[nodiscard]] std::pair<std::string, std::size_t> action_for(const json& pod) const {
    const json& rules = list_in(spec_, "podFailurePolicy", "rules");
    std::size_t rule = 0;
    for (; rule < rules.size(); ++rule) {
      if (matches(rules[rule], pod)) return {rules[rule].at("action"), rule};
    }
    return {"Count", rule};
  }

  // What a pod's end means, once: its finalizer stands for "not counted yet".
  void count(const json& pod) {
    if (!has_ended(pod) || !tracked(pod)) return;
    if (phase_in(pod) == "Succeeded") {
      completed_.insert(index_of(pod));
      return;
    }
    const json& rules = list_in(spec_, "podFailurePolicy", "rules");
    const auto [action, rule] = action_for(pod);
    if (action == "Ignore") return;
    if (action == "FailJob") {
      fail("PodFailurePolicy", why(pod, rules[rule], rule));
    }
    status_["failed"] = status_.value("failed", 0) + 1;
    if (!per_index()) return;
    if (exhausted(pod) || action == "FailIndex") failed_indexes_.insert(index_of(pod));
  }

  [[nodiscard]] std::string why(const json& pod, const json& rule, std::size_t number) const {
    const std::string name = key_.ns.str() + "/" + pod.at("metadata").at("name").get<std::string>();
    if (rule.contains("onExitCodes")) {
      return "Container " + pod.at("spec").at("containers").at(0).at("name").get<std::string>() +
             " for pod " + name + " failed with exit code " +
             std::to_string(exit_code(pod).value_or(0)) + " matching FailJob rule at index " +
             std::to_string(number);
    }
    return "Pod " + name + " has condition " +
           rule.at("onPodConditions").at(0).at("type").get<std::string>() +
           " matching FailJob rule at index " + std::to_string(number);
  }

  void fail(const std::string& reason, const std::string& message) {
    if (target() != nullptr) return;
    set_condition(status_, "FailureTarget", true, reason, message, controller_.stamp());
  }
  [[nodiscard]] const json* target() const {
    for (const json& condition : conditions()) {
      if (condition.at("type") == "FailureTarget") return &condition;
    }
    return nullptr;
  }
  [[nodiscard]] const json& conditions() const {
    static const json none = json::array();
    const auto found = status_.find("conditions");
    return found == status_.end() ? none : *found;
  }

  void judge() {
    if (status_.value("failed", 0) > spec_.value("backoffLimit", 6)) {
      fail("BackoffLimitExceeded", "Job has reached the specified backoff limit");
    }
    const bool all_decided =
        static_cast<int>(completed_.size() + failed_indexes_.size()) >= completions();
    if (per_index() && !failed_indexes_.empty() && all_decided)
      fail("FailedIndexes", "Job has failed indexes");
  }

  void manage() {
    int active = 0;
    int terminating = 0;
    int ready = 0;
    std::map<int, const json*> latest_failure;
    std::set<int> taken;
    const bool only_failed_replaced =
        spec_.value("podReplacementPolicy", "TerminatingOrFailed") == "Failed";
    for (const Object& pod : pods_) {
      if (has_ended(*pod)) {
        if (phase_in(*pod) == "Failed") keep_later(latest_failure, *pod);
        continue;
      }
      if (is_deleting(*pod)) {
        ++terminating;
        if (only_failed_replaced) taken.insert(index_of(*pod));
        continue;
      }
      taken.insert(index_of(*pod));
      ++active;
      if (condition_holds(*pod, "Ready")) ++ready;
    }
    const bool done = static_cast<int>(completed_.size()) >= completions();
    if (target() != nullptr || done || suspended()) {
      end_pods();
      terminating += active;
      active = ready = 0;
      if (target() != nullptr && terminating == 0) {
        const json reason = *target();
        set_condition(status_, "Failed", true, reason.at("reason"), reason.at("message"),
                      controller_.stamp());
      } else if (done) {
        succeed(terminating);
      }
    } else {
      active +=
          start_pods(taken, latest_failure, active + (only_failed_replaced ? terminating : 0));
    }
    if (suspended() || condition_of(job_, "Suspended") != nullptr) {
      set_condition(status_, "Suspended", suspended(), suspended() ? "JobSuspended" : "JobResumed",
                    suspended() ? "Job suspended" : "Job resumed", controller_.stamp());
    }
    number("active", active);
    status_["ready"] = ready;
    status_["terminating"] = terminating;
    number("succeeded", static_cast<int>(completed_.size()));
  }

  static void keep_later(std::map<int, const json*>& latest, const json& pod) {
    const auto [at, first] = latest.emplace(index_of(pod), &pod);
    if (!first && generation_of(pod) >= generation_of(*at->second)) at->second = &pod;
  }

  void succeed(int terminating) {
    const char* message = "Reached expected number of succeeded pods";
    set_condition(status_, "SuccessCriteriaMet", true, "CompletionsReached", message,
                  controller_.stamp());
    if (terminating > 0) return;
    set_condition(status_, "Complete", true, "CompletionsReached", message, controller_.stamp());
    status_["completionTime"] = controller_.stamp();
  }

  void number(const char* field, int value) {
    status_.erase(field);
    if (value != 0) status_[field] = value;
  }

  void end_pods() {
    for (const Object& pod : pods_) {
      if (!has_ended(*pod) && !is_deleting(*pod)) {
        controller_.remove(
            kube::kPods,
            {.ns = key_.ns, .name = ObjectName(pod->at("metadata").at("name").get<std::string>())},
            *pod);
      }
    }
  }

  int start_pods(const std::set<int>& taken, const std::map<int, const json*>& failures,
                 int in_use) {
    int started = 0;
    const int parallelism = spec_.value("parallelism", 1);
    for (int index = 0; index < completions() && in_use + started < parallelism; ++index) {
      if (taken.contains(index) || completed_.contains(index) || failed_indexes_.contains(index))
        continue;
      const auto failure = failures.find(index);
      Failures count;
      if (failure != failures.end()) {
        count = {.counted = annotation_number(*failure->second, kFailures),
                 .ignored = annotation_number(*failure->second, kIgnored)};
        const bool ignored = action_for(*failure->second).first == "Ignore";
        ++(ignored ? count.ignored : count.counted);
        if (backing_off(*failure->second, count.counted + count.ignored)) continue;
      }
      start(index, count);
      ++started;
    }
    return started;
  }

  bool backing_off(const json& failed, int count) {
    Instant ended_at{};
    for (const json& condition : list_in(failed, "status", "conditions")) {
      if (const auto at = parse_instant(text_in(condition, "lastTransitionTime")))
        ended_at = std::max(ended_at, *at);
    }
    const Duration delay = std::min(kBackoff * (1 << std::min(count - 1, 10)), kLongestBackoff);
    const Instant now = controller_.time_.now();
    if (ended_at + delay <= now) return false;
    controller_.look_at_later(key_, ended_at + delay - now);
    return true;
  }

  struct Failures {
    int counted = 0;
    int ignored = 0;
  };
  void start(int index, const Failures& failures) {
    const std::string name = job_.at("metadata").at("name");
    json pod = spec_.at("template");
    json& metadata = pod["metadata"];
    metadata["name"] =
        name + "-" + std::to_string(index) + "-" +
        name_suffix(job_.at("metadata").at("uid").get<std::string>() + std::to_string(index) + "/" +
                    std::to_string(++generation_of_names_) + controller_.stamp());
    metadata["namespace"] = key_.ns.str();
    metadata["labels"][kIndex] = std::to_string(index);
    metadata["annotations"][kIndex] = std::to_string(index);
    if (per_index()) metadata["annotations"][kFailures] = std::to_string(failures.counted);
    if (per_index() && failures.ignored > 0)
      metadata["annotations"][kIgnored] = std::to_string(failures.ignored);
    metadata["finalizers"] = json::array({kTracking});
    metadata["ownerReferences"] = json::array({controller_reference(job_, kube::kJobs)});
    pod["spec"]["hostname"] = name + "-" + std::to_string(index);
    for (json& container : pod["spec"]["containers"]) {
      container["env"].push_back(
          {{"name", "JOB_COMPLETION_INDEX"},
           {"valueFrom",
            {{"fieldRef",
              {{"apiVersion", "v1"},
               {"fieldPath", std::string("metadata.labels['") + kIndex + "']"}}}}}});
    }
    controller_.create(kube::kPods, std::move(pod));
  }

  void write_status() {
    if (!completed_.empty()) status_["completedIndexes"] = write_ranges(completed_);
    if (per_index()) status_["failedIndexes"] = write_ranges(failed_indexes_);
    status_["uncountedTerminatedPods"] = json::object();
    if (const json* before = find_in(job_, "status"); before != nullptr && *before == status_)
      return;
    controller_.edit(kube::kJobs, key_, "status", [&](json& next) { next["status"] = status_; });
  }

  void release(const json& pod) {
    if (!tracked(pod)) return;
    const ObjectKey key{.ns = key_.ns,
                        .name = ObjectName(pod.at("metadata").at("name").get<std::string>())};
    controller_.edit(kube::kPods, key, "", [](json& next) {
      std::erase(next["metadata"]["finalizers"].get_ref<json::array_t&>(), json(kTracking));
    });
  }

  JobController& controller_;
  ObjectKey key_;
  const json& job_;
  const json& spec_;
  json status_;
  std::set<int> completed_;
  std::set<int> failed_indexes_;
  std::vector<Object> pods_;
  int generation_of_names_ = 0;
};

JobController::JobController(VirtualTime& time, ApiServer& server, const OwnerIndex& owners)
    : Model(time, server, "kube-controller-manager", kLatency), owners_(owners) {
  server.listen([this](const Change& change) { note(change); });
}

void JobController::note(const Change& change) {
  if (change.type == kube::kJobs) look_at(change.key);
  if (!(change.type == kube::kPods)) return;
  for (const json& owner : list_in(*change.object, "metadata", "ownerReferences")) {
    if (text_in(owner, "kind") == "Job")
      look_at({.ns = change.key.ns, .name = ObjectName(string_in(owner, "name"))});
  }
}

void JobController::sync(const ObjectKey& key) {
  if (const Object job = server_.find(kube::kJobs, key)) {
    Sync(*this, key, *job).run();
    return;
  }
  // Its Job is gone: nobody counts these pods any more.
  for (const auto& [pod_key, pod] : server_.all(kube::kPods)) {
    if (pod_key.ns != key.ns || !tracked(*pod)) continue;
    const json& owners = list_in(*pod, "metadata", "ownerReferences");
    if (owners.empty() || text_in(owners[0], "kind") != "Job" ||
        text_in(owners[0], "name") != key.name.str())
      continue;
    time_.after(Duration(0), [this, pod_key] {
      edit(kube::kPods, pod_key, "", [](json& next) {
        std::erase(next["metadata"]["finalizers"].get_ref<json::array_t&>(), json(kTracking));
      });
    });
  }
}

}  // namespace spillway::sim
