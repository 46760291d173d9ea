#include "simulation_notes.h"

#include <spillway/core/text.h>

#include "market_replay.h"

namespace spillway::sim {
namespace {

using Records = std::map<PoolName, PoolRecord>;

void note_late(const Scene& scene, TimeRange range, std::vector<std::string>& notes) {
  for (const SceneObject& object : scene.objects) {
    const Instant when = object.submit.from(range.from);
    if (when >= range.to)
      notes.push_back(object.who + " is never applied: its time, " + format_instant(when) +
                      ", is after the end");
    else if (when < range.from)
      notes.push_back(object.who + " is applied at the start: its time, " + format_instant(when) +
                      ", is before it");
  }
}

void note_records(const Records& records, TimeRange range, std::vector<std::string>& notes) {
  for (const auto& [name, record] : records) {
    const std::string pool = "CapacityPool " + name.str();
    if (!record.on_demand)
      notes.push_back(pool +
                      ": nobody says what its nodes cost on demand, so nothing is said of what "
                      "was saved: write spec.price.onDemand, or add a catalogue to the market");
    if (record.prices_end && *record.prices_end < range.to)
      notes.push_back(pool + ": its prices are recorded until " +
                      format_instant(*record.prices_end) + "; the last one holds after that");
    if (record.trace == nullptr) continue;
    const TimeRange known = Obtainable(*record.trace, range.from).recorded();
    std::string note = pool + ": availability as recorded in " + record.trace->source;
    if (!record.trace->start) note += ", laid at the start because it has no date";
    if (known.from > range.from || known.to < range.to)
      note += ", repeated where it does not reach (it is " +
              format_duration(record.trace->length()) + " long)";
    notes.push_back(note);
  }
}

void note_spot_without_trace(const Scene& scene, const Records& records,
                             std::vector<std::string>& notes) {
  for (const ScenePool& pool : scene.pools) {
    if (pool.pool.spec.tier == api::Tier::kSpot &&
        records.at(PoolName(pool.pool.meta.key.name.str())).trace == nullptr)
      notes.push_back("CapacityPool " + pool.pool.meta.key.name.str() +
                      ": nobody recorded its availability, so its nodes can always be had and are "
                      "never taken");
  }
}

void note_without_checkpoints(const Scene& scene, std::vector<std::string>& notes) {
  std::int64_t without = 0;
  std::int64_t with = 0;
  for (const SceneObject& object : scene.objects) {
    if (object.job) ++(object.job->spec.checkpoint ? with : without);
  }
  if (without > 0)
    notes.push_back(plural(without, "TrainingJob") +
                    " without spec.checkpoint: interrupted, the work begins again from the start");
  if (with > 0)
    notes.push_back(plural(with, "TrainingJob") +
                    " with spec.checkpoint: a save takes 20 seconds and a second for each further "
                    "rank, and the store always answers");
}

}  // namespace

std::vector<std::string> notes_of(const Scene& scene, const RecordedMarket& market,
                                  const Records& records, TimeRange range) {
  std::vector<std::string> notes = scene.notes;
  notes.insert(notes.end(), market.notes().begin(), market.notes().end());
  note_late(scene, range, notes);
  note_records(records, range, notes);
  note_spot_without_trace(scene, records, notes);
  note_without_checkpoints(scene, notes);
  notes.emplace_back(
      "Nodes cost from the moment they are ready until they go; CPU and memory are never short");
  return notes;
}

}  // namespace spillway::sim
