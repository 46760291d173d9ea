#pragma once
// Who may run when, as `wake`, `sleep` and `schedule` tell it: pure, with the plan's own rules
// (plan/hours.h).

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include <spillway/core/result.h>
#include <spillway/plan/hours.h>

namespace spillway::cli {

std::string_view kind_name(plan::SubjectKind kind);   // "InferencePool"
std::string_view short_name(plan::SubjectKind kind);  // "ipool", as objects are listed

// One workload that hours may be about.
struct Sleeper {
  plan::SubjectKind kind = plan::SubjectKind::kInferencePool;
  ObjectKey key;
  std::string environment;
  Annotations annotations;
  std::optional<Schedule> schedule;

  [[nodiscard]] plan::HoursSubject subject() const;
  [[nodiscard]] std::string title() const;  // "ipool dev/chat"
};

struct Hours {
  plan::AwakeRules rules{{}, {}};
  std::vector<Sleeper> sleepers;     // by kind, namespace, name
  std::vector<std::string> remarks;  // what could not be understood, one sentence each
};

// From CostPolicies, Namespaces and workloads; objects of other kinds are left out. A Namespace
// that is not among them has the label that Kubernetes gives it, and no other. What makes no sense
// is a remark: the operator passes over it as well.
Hours hours_of(const std::vector<nlohmann::json>& objects);

// A change of one or more workloads, or of a policy that no workload follows.
struct HoursChange {
  Instant at{};
  bool awake = false;
  std::string reason;
  std::string local;                 // on the clocks of the schedule's zone; "" when nobody's
  std::vector<std::string> objects;  // titles; empty: what the policy would select
};
inline constexpr std::size_t kMostChanges = 2'000;

// Those in (from, until], by time; at most kMostChanges.
std::vector<HoursChange> coming_changes(const Hours& hours, Instant from, Instant until);

std::string changes_text(const std::vector<HoursChange>& changes, const Hours& hours, Instant from,
                         Instant until);
nlohmann::ordered_json changes_document(const std::vector<HoursChange>& changes, const Hours& hours,
                                        Instant from, Instant until);

// "2h", "90m", and days: "14d". kInvalidArgument names the flag and says what to write; so it does
// for nothing, for less, and for more than `most`.
Result<Duration> parse_span(const std::string& text, const std::string& flag, Duration most);

}  // namespace spillway::cli
