#include "explain.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include <spillway/core/text.h>

#include "prospect_text.h"
#include "words.h"

namespace spillway::cli {
namespace {

using Json = nlohmann::ordered_json;

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return out;
}

bool names(const api::ResourceInfo& info, std::string_view word) {
  const std::string_view suffix = ".spillway.dev";
  if (word.ends_with(suffix)) word.remove_suffix(suffix.size());
  return word == info.plural || word == info.singular || word == info.short_name;
}

// "  Label      value" lines, one below the other.
class Facts {
 public:
  void add(std::string_view label, const std::string& value) {
    if (!value.empty()) lines_ += fmt::format("  {:<14}{}\n", label, printable(value));
  }
  void add(std::string_view label, const std::optional<Instant>& at) {
    if (at) add(label, format_instant(*at));
  }
  [[nodiscard]] const std::string& text() const { return lines_; }

 private:
  std::string lines_;
};

std::string indented(const std::string& text) {
  std::string out;
  for (const std::string_view line : split(text, '\n')) {
    if (!line.empty()) out += "    " + std::string(line) + "\n";
  }
  return out;
}

std::string titled(std::string_view title, const std::string& body) {
  return body.empty() ? "" : "\n" + std::string(title) + "\n" + body;
}

std::string conditions_text(const api::Conditions& conditions) {
  Table table({{"TYPE"}, {"STATUS"}, {"SINCE"}, {"REASON"}, {"MESSAGE"}});
  for (const api::Condition& condition : conditions) {
    table.row({condition.type, std::string(api::to_string(condition.status)),
               format_instant(condition.last_transition_time), condition.reason,
               condition.message});
  }
  return indented(table.text());
}

std::string recorded_alternatives(const std::vector<api::Alternative>& alternatives) {
  Table table({{"POOL"}, {"TIER"}, {"USD/H", true}, {"NOTE"}});
  for (const api::Alternative& alternative : alternatives) {
    table.row({alternative.pool.str(), std::string(api::to_string(alternative.tier)),
               rate_text(alternative.rate), alternative.note});
  }
  return table.empty() ? "" : "  Alternatives at that time\n" + indented(table.text());
}

std::string per_hour(const std::optional<HourlyRate>& rate) {
  return rate ? "$" + rate->to_string() + " per hour" : "";
}

void add_cost(Facts& facts, const std::optional<api::CostStatus>& cost) {
  if (!cost) return;
  facts.add("Cost", fmt::format("{} until {}, {} on demand, saved {}", dollars(cost->total),
                                format_instant(cost->since), dollars(cost->on_demand_equivalent),
                                dollars(cost->saved)));
}

// What is known of its checkpoints; nothing for a job without any.
void add_checkpoint(Facts& facts, const api::TrainingJobStatus& status) {
  if (const auto& checkpoint = status.checkpoint) {
    const bool any = checkpoint->step.has_value();
    facts.add("Checkpoint",
              any ? fmt::format("step {}, {}", checkpoint->step->value(), checkpoint->uri)
                  : "none verified yet");
    if (any) facts.add("Verified", checkpoint->verified_at);
    const std::string state(api::to_string(checkpoint->state));
    facts.add("Newest", checkpoint->message.empty() ? "" : state + ": " + checkpoint->message);
  }
  if (const auto& save = status.save; save && save->state == api::SaveState::kRequested) {
    facts.add("Saving",
              fmt::format("asked at {} ({}), until {}", format_instant(save->requested_at),
                          api::to_string(save->reason), format_instant(save->deadline)));
  }
  if (const auto& progress = status.progress) {
    const std::string share = progress->percent ? fmt::format(" ({} %)", *progress->percent) : "";
    facts.add("Progress",
              fmt::format("step {}{} at {}, by the program's word", progress->step.value(), share,
                          format_instant(progress->observed_at)));
  }
}

// What the plan would do, in words.
std::string verdict(const Prospect& prospect) {
  const std::string to = seats_text(prospect.after);
  switch (prospect.change) {
    case Change::kNone: return to.empty() ? "stays without a place" : "stays: " + to;
    case Change::kStart: return "gets a place: " + to;
    case Change::kMove: return "moves: " + seats_text(prospect.before) + " -> " + to;
    case Change::kRestart: return "starts again: " + to;
    case Change::kSpread: return "is shared out anew: " + seats_text(prospect.before) + " -> " + to;
    case Change::kRelease: return "loses its place: " + seats_text(prospect.before);
    case Change::kWait: return to.empty() ? "waits" : "waits for the rest: " + to;
    case Change::kFinish: return "is over";
    case Change::kRefused: return "is not placed as it is written";
    case Change::kHeld: return "is left alone";
  }
  return "";
}

const Prospect* find(const Outlook& outlook, bool training, const ObjectKey& key) {
  const auto at =
      std::find_if(outlook.workloads.begin(), outlook.workloads.end(),
                   [&](const auto& p) { return p.training == training && p.key == key; });
  return at == outlook.workloads.end() ? nullptr : &*at;
}

const std::vector<Choice>& alternatives_of(const Prospect& prospect, const Now& now) {
  return prospect.alternatives.empty() ? now.alternatives : prospect.alternatives;
}

std::string now_text(const std::optional<Now>& now, bool training, const ObjectKey& key) {
  if (!now) return "";
  const std::string title = "As the plan sees it at " + format_instant(now->outlook.at);
  const Prospect* prospect = find(now->outlook, training, key);
  if (prospect == nullptr) return titled(title, "  It is over, and left out of the plan.\n");
  Facts facts;
  facts.add("Verdict", verdict(*prospect));
  facts.add("Cause", prospect->cause);
  facts.add("Why", prospect->sentence);
  const std::string rate = seats_rate(prospect->after);
  facts.add("Rate", rate.empty() ? "" : "$" + rate + " per hour");
  if (prospect->unplaced > 0) facts.add("Unplaced", plural(prospect->unplaced, "replica"));
  const Table table = choices_table(alternatives_of(*prospect, *now));
  const bool placed = prospect->quiet() && !prospect->after.empty();
  const std::string heading =
      placed ? "  What else there would be, were it placed now\n" : "  Alternatives\n";
  return titled(title, facts.text() + (table.empty() ? "" : heading + indented(table.text())));
}

Json now_document(const std::optional<Now>& now, bool training, const ObjectKey& key) {
  if (!now) return nullptr;
  const Prospect* prospect = find(now->outlook, training, key);
  Json document{{"at", format_instant(now->outlook.at)}};
  if (prospect == nullptr) {
    document["change"] = "over";
    return document;
  }
  document.update(to_document(*prospect));
  document["alternatives"] = to_document(alternatives_of(*prospect, *now));
  return document;
}

template <class Kind>
Json document_of(const Kind& object, Json now) {
  Json document{{"kind", std::string(api::kResource<Kind>.kind)}};
  if (!object.meta.key.ns.empty()) document["namespace"] = object.meta.key.ns.str();
  document["name"] = object.meta.key.name.str();
  document["recorded"] = Json::parse(api::write(object.status).dump());
  document["now"] = std::move(now);
  return document;
}

// Who sits in a pool: by `before` now, by `after` as planned.
struct Tenant {
  const Prospect* workload = nullptr;
  const Seat* seat = nullptr;
};
std::vector<Tenant> tenants(const Outlook& outlook, const PoolName& pool,
                            std::vector<Seat> Prospect::* seats) {
  std::vector<Tenant> found;
  for (const Prospect& prospect : outlook.workloads) {
    for (const Seat& seat : prospect.*seats) {
      if (seat.pool == pool) found.push_back({.workload = &prospect, .seat = &seat});
    }
  }
  return found;
}

std::string tenants_text(const std::vector<Tenant>& tenants) {
  if (tenants.empty()) return "    nobody\n";
  Table table({{"NAMESPACE"}, {"WORKLOAD"}, {"REPLICAS", true}, {"USD/H", true}});
  for (const Tenant& tenant : tenants) {
    const std::string prefix = tenant.workload->training ? "tj/" : "ipool/";
    table.row({tenant.workload->key.ns.str(), prefix + tenant.workload->key.name.str(),
               grouped(tenant.seat->replicas), rate_text(tenant.seat->rate)});
  }
  return indented(table.text());
}

Json tenants_document(const std::vector<Tenant>& tenants) {
  Json list = Json::array();
  for (const Tenant& tenant : tenants) {
    list.push_back({{"kind", tenant.workload->kind()},
                    {"namespace", tenant.workload->key.ns.str()},
                    {"name", tenant.workload->key.name.str()},
                    {"replicas", tenant.seat->replicas}});
  }
  return list;
}

std::string life_text(const market::Offering& offering) {
  if (!offering.life.fresh) return "not expected to be taken away";
  std::string words = "a new node " + time_span(*offering.life.fresh) + " on average";
  if (offering.life.residual) words += ", those that run " + time_span(*offering.life.residual);
  return words;
}

const PoolOutlook* find(const Outlook& outlook, const PoolName& name) {
  const auto at = std::find_if(outlook.pools.begin(), outlook.pools.end(),
                               [&](const auto& pool) { return pool.name == name; });
  return at == outlook.pools.end() ? nullptr : &*at;
}

std::string outlook_text(const PoolOutlook& pool) {
  Facts seen;
  seen.add("Price", price_text(pool.offering.price));
  if (pool.offering.on_demand > HourlyRate())
    seen.add("On demand", "$" + pool.offering.on_demand.to_string() + " per node-hour");
  seen.add("Nodes", fmt::format("{} ready, {} at most", pool.ready_nodes, pool.max_nodes));
  seen.add("Accelerators", fmt::format("{} there, {} used, {} free", pool.use.capacity.value(),
                                       pool.use.used.value(), pool.use.free.value()));
  seen.add("Availability", std::string(api::to_string(pool.offering.availability)));
  seen.add("Not before", pool.offering.retry_at);
  seen.add("Life", life_text(pool.offering));
  return seen.text();
}

}  // namespace

Result<Target> parse_target(const std::vector<std::string>& words) {
  const std::string usage = "write KIND/NAME, such as tj/llama, ipool/chat or cpool/spot-a";
  std::vector<std::string> parts = words;
  if (words.size() == 1) {
    const std::size_t slash = words.front().find('/');
    if (slash == std::string::npos)
      return invalid("'" + shorten(words.front(), 60) + "' names no object: " + usage);
    parts = {words.front().substr(0, slash), words.front().substr(slash + 1)};
  }
  if (parts.size() != 2 || parts[1].empty() || parts[1].find('/') != std::string::npos)
    return invalid("one object at a time: " + usage);
  const std::string kind = lower(parts[0]);
  Target target{.name = ObjectName(parts[1])};
  if (names(api::kResource<api::TrainingJob>, kind)) {
    target.kind = TargetKind::kTrainingJob;
  } else if (names(api::kResource<api::InferencePool>, kind)) {
    target.kind = TargetKind::kInferencePool;
  } else if (names(api::kResource<api::CapacityPool>, kind)) {
    target.kind = TargetKind::kCapacityPool;
  } else {
    return invalid("'" + shorten(parts[0], 60) +
                   "' is no kind that is placed: write trainingjob (tj), inferencepool (ipool) or "
                   "capacitypool (cpool)");
  }
  return target;
}

std::string_view kind_name(TargetKind kind) {
  switch (kind) {
    case TargetKind::kTrainingJob: return api::kResource<api::TrainingJob>.kind;
    case TargetKind::kInferencePool: return api::kResource<api::InferencePool>.kind;
    case TargetKind::kCapacityPool: return api::kResource<api::CapacityPool>.kind;
  }
  return "";
}

Explanation explain(const api::TrainingJob& job, const std::optional<Now>& now) {
  const api::TrainingJobStatus& status = job.status;
  Facts facts;
  facts.add("Phase", std::string(api::to_string(status.phase)));
  std::string alternatives;
  if (const auto& placement = status.placement) {
    facts.add("Place", fmt::format("{} ({}), attempt {}, since {}", placement->pool.str(),
                                   api::to_string(placement->tier), placement->attempt.value(),
                                   format_instant(placement->since)));
    facts.add("Why", placement->reason);
    facts.add("Rate", per_hour(placement->rate));
    alternatives = recorded_alternatives(placement->alternatives);
  }
  facts.add("Started", status.started_at);
  facts.add("Expected end", status.eta);
  facts.add("Finished", status.finished_at);
  facts.add("Deadline", job.spec.deadline);
  if (status.restarts > 0) {
    facts.add("Restarts", fmt::format("{}, {} of them by the program ({} allowed)", status.restarts,
                                      status.restarts_counted, job.spec.max_restarts));
  }
  if (const auto& interruptions = status.interruptions) {
    facts.add("Interrupted",
              fmt::format("{}, {} of work lost", plural(interruptions->count, "time"),
                          time_span(interruptions->lost)));
  }
  add_checkpoint(facts, status);
  add_cost(facts, status.cost);
  return {.text = "TrainingJob " + job.meta.key.to_string() + "\n" +
                  titled("As recorded", facts.text() + alternatives) +
                  titled("Conditions", conditions_text(status.conditions)) +
                  now_text(now, true, job.meta.key),
          .document = document_of(job, now_document(now, true, job.meta.key))};
}

Explanation explain(const api::InferencePool& pool, const std::optional<Now>& now) {
  const api::InferencePoolStatus& status = pool.status;
  Facts facts;
  facts.add("Replicas",
            fmt::format("{} asked for, {} ready", pool.spec.replicas, status.ready_replicas));
  facts.add("Capacity", fmt::format("baseline {}, {} % of the rest on spot",
                                    pool.spec.capacity.baseline, pool.spec.capacity.spot_percent));
  facts.add("Why", status.reason);
  add_cost(facts, status.cost);
  Table table({{"POOL"}, {"TIER"}, {"DESIRED", true}, {"READY", true}, {"USD/H", true}, {"SINCE"}});
  for (const api::TierStatus& tier : status.tiers) {
    table.row({tier.pool.str(), std::string(api::to_string(tier.tier)), grouped(tier.desired),
               grouped(tier.ready), rate_text(tier.rate), format_instant(tier.since)});
  }
  const std::string places = table.empty() ? "" : "  Places\n" + indented(table.text());
  return {.text = "InferencePool " + pool.meta.key.to_string() + "\n" +
                  titled("As recorded",
                         facts.text() + places + recorded_alternatives(status.alternatives)) +
                  titled("Conditions", conditions_text(status.conditions)) +
                  now_text(now, false, pool.meta.key),
          .document = document_of(pool, now_document(now, false, pool.meta.key))};
}

Explanation explain(const api::CapacityPool& pool, const std::optional<Now>& now) {
  const PoolName name(pool.meta.key.name.str());
  Facts facts;
  facts.add("Tier", std::string(api::to_string(pool.spec.tier)));
  facts.add("Nodes", fmt::format("{} with {} x {} in {}", pool.spec.instance_type.str(),
                                 pool.spec.accelerator.per_node.value(),
                                 pool.spec.accelerator.model.str(), pool.spec.location.zone.str()));
  if (pool.status.interruptions_last_day > 0) {
    facts.add("Interrupted",
              plural(pool.status.interruptions_last_day, "node") + " in the last day");
  }
  Explanation told{.text = "CapacityPool " + name.str() + "\n" +
                           titled("As recorded", facts.text()) +
                           titled("Conditions", conditions_text(pool.status.conditions))};
  const PoolOutlook* outlook = now ? find(now->outlook, name) : nullptr;
  Json document = nullptr;
  if (now && outlook != nullptr) {
    const auto here = tenants(now->outlook, name, &Prospect::before);
    const auto planned = tenants(now->outlook, name, &Prospect::after);
    told.text += titled("As the plan sees it at " + format_instant(now->outlook.at),
                        outlook_text(*outlook) + "  Who is there\n" + tenants_text(here) +
                            "  Who would be there\n" + tenants_text(planned));
    document = to_document(*outlook);
    document["at"] = format_instant(now->outlook.at);
    document["workloads"] = tenants_document(here);
    document["plannedWorkloads"] = tenants_document(planned);
  }
  told.document = document_of(pool, std::move(document));
  return told;
}

}  // namespace spillway::cli
