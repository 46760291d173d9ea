#pragma once
// From CostPolicies, Namespaces and what workloads say about themselves to the plan's rules of who
// may run when.

#include <cstdint>
#include <map>
#include <optional>
#include <set>

#include <spillway/control/world.h>
#include <spillway/plan/boxed.h>
#include <spillway/plan/hours.h>
#include <spillway/plan/snapshot.h>

namespace spillway::control {

// Reads schedules once a generation.
class HoursReader {
 public:
  // Null when no policy makes sense and no Namespace asks for anything.
  plan::Boxed<plan::AwakeRules> rules(const World& world);
  // Null when the object says nothing. A schedule that makes no sense keeps the object awake, which
  // its status tells with the reason.
  plan::Boxed<plan::OwnHours> own_hours(const api::InferencePool& pool);
  plan::Boxed<plan::OwnHours> own_hours(const api::TrainingJob& job) const;
  // Services of these Namespaces that are to be awake and are not ready, as their status says.
  plan::NotReadyIn services_not_ready(const World& world, const std::set<Namespace>& of,
                                      Instant now);

 private:
  struct Known {
    std::int64_t generation = 0;
    std::optional<Schedule> schedule;  // nullopt: makes no sense
    std::string problem;               // why not
  };
  const Known& read(const ObjectMeta& meta, const ScheduleSpec& spec);
  std::map<Uid, Known> known_;  // bounded: begun anew when it grows beyond what can be alive
};

}  // namespace spillway::control
