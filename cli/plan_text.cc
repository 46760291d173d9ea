#include "plan_text.h"

#include <algorithm>
#include <map>
#include <tuple>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <spillway/core/text.h>

#include "prospect_text.h"

namespace spillway::cli {
namespace {

using Json = nlohmann::ordered_json;

bool waits(const Prospect& prospect) {
  return prospect.change == Change::kWait || prospect.change == Change::kRefused;
}

bool shown(const PlanView& view, const Prospect& prospect) {
  return !view.only || prospect.key.ns == *view.only;
}

bool affected(const PlanView& view, const Prospect& prospect) {
  const auto& list = prospect.training ? view.affected_training : view.affected_inference;
  return std::find(list.begin(), list.end(), prospect.key) != list.end();
}

std::string short_name(const Prospect& prospect) {
  return (prospect.training ? "tj/" : "ipool/") + prospect.key.name.str();
}

std::string arrow(const std::string& before, const std::string& after) {
  if (before == after || before.empty()) return after;
  return before + " -> " + (after.empty() ? "-" : after);
}

void add_row(Table& table, const Prospect& prospect) {
  table.row({prospect.key.ns.str(), short_name(prospect), std::string(to_string(prospect.change)),
             seats_text(prospect.before), seats_text(prospect.after),
             arrow(seats_rate(prospect.before), seats_rate(prospect.after))});
  table.remark(prospect.sentence);
}

template <class Selects>
std::string section(const PlanView& view, const std::string& title, Selects selects) {
  Table table({{"NAMESPACE"}, {"WORKLOAD"}, {"CHANGE"}, {"NOW"}, {"PLANNED"}, {"USD/H", true}});
  for (const Prospect& prospect : view.outlook.workloads) {
    if (shown(view, prospect) && selects(prospect)) add_row(table, prospect);
  }
  return table.empty() ? "" : title + "\n" + table.text() + "\n";
}

std::string count_sentence(const PlanView& view) {
  std::int64_t all = 0, changing = 0, waiting = 0;
  for (const Prospect& prospect : view.outlook.workloads) {
    if (!shown(view, prospect)) continue;
    ++all;
    waiting += waits(prospect) ? 1 : 0;
    changing += !waits(prospect) && !prospect.quiet() ? 1 : 0;
  }
  const std::string where = view.only ? " in namespace " + view.only->str() : "";
  if (all == 0) return "There is no workload to place" + where + ".";
  if (changing == 0 && waiting == 0) {
    return all == 1
               ? "Nothing would change: the one workload" + where + " is where it should be."
               : fmt::format("Nothing would change: all {} workloads{} are where they should be.",
                             all, where);
  }
  const std::int64_t stay = all - changing - waiting;
  const std::string without = waiting == 1 ? "1 waits" : fmt::format("{} wait", waiting);
  if (changing == 0 && stay == 0)
    return fmt::format("Nothing would change: {}{} for a place.", without, where);
  if (changing == 0) {
    return fmt::format("Nothing would change: {} of {}{} stay where they are, {} for a place.",
                       stay, plural(all, "workload"), where, without);
  }
  return fmt::format("{} of {}{} would change, {} would wait, {} would stay.", changing,
                     plural(all, "workload"), where, waiting, stay);
}

}  // namespace

void compare(PlanView& view, const Outlook& without_files) {
  std::map<std::pair<bool, ObjectKey>, const Prospect*> before;
  for (const Prospect& prospect : without_files.workloads)
    before.emplace(std::pair(prospect.training, prospect.key), &prospect);
  for (const Prospect& prospect : view.outlook.workloads) {
    if (prospect.from_file) continue;
    const auto at = before.find({prospect.training, prospect.key});
    if (at == before.end()) continue;
    const bool same = at->second->change == prospect.change &&
                      at->second->after == prospect.after && at->second->cause == prospect.cause;
    if (!same)
      (prospect.training ? view.affected_training : view.affected_inference)
          .push_back(prospect.key);
  }
}

std::string plan_text(const PlanView& view) {
  std::string out = "Plan of " + format_instant(view.outlook.at) + " for " + view.cluster + "\n";
  if (view.with_files) out += "as if the files were applied\n";
  out += count_sentence(view) + "\n\n";
  const auto from_file = [](const Prospect& prospect) { return prospect.from_file; };
  const auto because = [&](const Prospect& p) { return !p.from_file && affected(view, p); };
  const auto rest = [&](const Prospect& p) { return !p.from_file && !affected(view, p); };
  if (view.with_files) {
    out += section(view, "FROM THE FILES", from_file);
    out += section(view, "OTHERS THAT THE FILES CHANGE", because);
  }
  out += section(view, view.with_files ? "CHANGES WITHOUT THE FILES AS WELL" : "WOULD CHANGE",
                 [&](const Prospect& p) { return rest(p) && !p.quiet() && !waits(p); });
  out += section(view, "WOULD WAIT", [&](const Prospect& p) { return rest(p) && waits(p); });
  if (view.all)
    out += section(view, "WOULD STAY", [&](const Prospect& p) { return rest(p) && p.quiet(); });
  if (!view.outlook.pools.empty()) out += "POOLS\n" + pools_table(view.outlook.pools).text();
  if (view.outlook.pools.empty()) out += "There is no CapacityPool: nothing can be placed.\n";
  if (view.outlook.wake_at) {
    out += "\nWithout any event it would be planned again at " +
           format_instant(*view.outlook.wake_at) + ".\n";
  }
  for (const std::string& remark : view.remarks)
    out += "Note: " + printable(remark) + "\n";
  return out;
}

nlohmann::ordered_json plan_document(const PlanView& view) {
  Json document{{"kind", "Plan"},
                {"at", format_instant(view.outlook.at)},
                {"cluster", view.cluster},
                {"withFiles", view.with_files},
                {"summary", count_sentence(view)}};
  Json workloads = Json::array();
  for (const Prospect& prospect : view.outlook.workloads) {
    if (!shown(view, prospect)) continue;
    Json one = to_document(prospect);
    if (view.with_files) one["changedByFiles"] = prospect.from_file || affected(view, prospect);
    workloads.push_back(std::move(one));
  }
  document["workloads"] = std::move(workloads);
  Json pools = Json::array();
  for (const PoolOutlook& pool : view.outlook.pools)
    pools.push_back(to_document(pool));
  document["pools"] = std::move(pools);
  document["finished"] = view.outlook.finished;
  if (view.outlook.wake_at) document["wakeAt"] = format_instant(*view.outlook.wake_at);
  document["notes"] = view.remarks;
  return document;
}

}  // namespace spillway::cli
