// `kubectl spillway schedule`: what wakes and sleeps when.

#include "commands.h"
#include "hours.h"
#include "manifests.h"

namespace spillway::cli {
namespace {

// Of the namespace that was named, if one was.
void keep_namespace(Hours& hours, const std::string& ns) {
  if (!ns.empty())
    std::erase_if(hours.sleepers, [&](const Sleeper& one) { return one.key.ns.str() != ns; });
}

Result<int> answer(const Options& options, const ScheduleOptions& schedule,
                   const std::vector<nlohmann::json>& objects, Instant now) {
  Hours hours = hours_of(objects);
  keep_namespace(hours, options.connection.ns);
  const Instant until = now + schedule.next;
  const std::vector<HoursChange> changes = coming_changes(hours, now, until);
  if (options.format == Format::kTable) {
    TRY_VOID(print(changes_text(changes, hours, now, until)));
    return kDone;
  }
  TRY_VOID(print(document_text(changes_document(changes, hours, now, until), options.format)));
  return kDone;
}

}  // namespace

Result<int> run_schedule(const Options& options, const ScheduleOptions& schedule) {
  TRY_VOID(check_time_zones());
  if (!schedule.files.empty()) {
    TRY(manifests, read_manifests(schedule.files));
    std::vector<nlohmann::json> objects;
    for (Manifest& manifest : manifests)
      objects.push_back(std::move(manifest.object));
    return answer(options, schedule, objects, make_system_clock()->now());
  }
  TRY(cluster, Cluster::connect(options.connection));
  TRY(objects, cluster->read_hours());
  return answer(options, schedule, objects, cluster->now());
}

}  // namespace spillway::cli
