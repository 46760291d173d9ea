#include "prospect_text.h"

#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <spillway/core/text.h>

#include "words.h"

namespace spillway::cli {
namespace {

using Json = nlohmann::ordered_json;
using plan::Cause;

std::string text(std::string_view view) {
  return std::string(view);
}

// US dollars with cents and their thousandths: an estimate, never money that is charged.
double rounded(double usd) {
  return std::round(usd * 1e6) / 1e6;
}

Json to_document(const std::vector<Seat>& seats) {
  Json list = Json::array();
  for (const Seat& seat : seats) {
    Json one{{"pool", seat.pool.str()},
             {"tier", text(api::to_string(seat.tier))},
             {"replicas", seat.replicas}};
    if (seat.rate) one["ratePerHour"] = seat.rate->to_string();
    list.push_back(std::move(one));
  }
  return list;
}

}  // namespace

std::string seats_text(const std::vector<Seat>& seats) {
  std::vector<std::string> parts;
  parts.reserve(seats.size());
  for (const Seat& seat : seats)
    parts.push_back(fmt::format("{} {}", seat.replicas, seat.pool.str()));
  return join(parts, ", ");
}

std::string seats_rate(const std::vector<Seat>& seats) {
  HourlyRate sum;
  for (const Seat& seat : seats) {
    if (!seat.rate) return "";
    sum += *seat.rate;
  }
  return seats.empty() ? "" : sum.to_string();
}

std::string choice_note(const Choice& choice) {
  if (!choice.excluded) return "eligible, dearer per useful hour";
  switch (*choice.excluded) {
    case Cause::kNoCapacity: return "no room now, or stocked out";
    case Cause::kNoEligiblePool: return "would not be expected to finish there";
    case Cause::kRateLimit: return "dearer than maxRate";
    case Cause::kPriceUnknown: return "its price is not known";
    case Cause::kWaitingForSpot: return "not before spot was waited for";
    case Cause::kDeadline: return "would endanger the deadline";
    default: return text(plan::to_string(*choice.excluded));
  }
}

Table choices_table(const std::vector<Choice>& choices) {
  Table table({{"POOL"}, {"TIER"}, {"ZONE"}, {"USD/H", true}, {"USD/USEFUL H", true}, {"NOTE"}});
  for (const Choice& choice : choices) {
    table.row({choice.pool.str(), text(api::to_string(choice.tier)), choice.zone.str(),
               rate_text(choice.rate),
               choice.usd_per_useful_hour ? fmt::format("{:.4g}", *choice.usd_per_useful_hour) : "",
               choice_note(choice)});
  }
  return table;
}

std::string price_text(const market::NodePrice& price) {
  if (price.quality == market::PriceQuality::kUnknown) return "not known";
  std::string words =
      "$" + price.likely.to_string() + " per node-hour (" + text(api::to_string(price.quality));
  if (!price.source.empty()) words += ", " + price.source;
  return words + ")";
}

Table pools_table(const std::vector<PoolOutlook>& pools) {
  Table table({{"POOL"},
               {"TIER"},
               {"MODEL"},
               {"ZONE"},
               {"NODE USD/H", true},
               {"QUALITY"},
               {"READY", true},
               {"MAX", true},
               {"USED", true},
               {"FREE", true},
               {"AVAILABILITY"}});
  for (const PoolOutlook& pool : pools) {
    const market::NodePrice& price = pool.offering.price;
    const bool known = price.quality != market::PriceQuality::kUnknown;
    table.row({pool.name.str(), text(api::to_string(pool.tier)), pool.model.str(), pool.zone.str(),
               known ? price.likely.to_string() : "", text(api::to_string(price.quality)),
               grouped(pool.ready_nodes), grouped(pool.max_nodes), grouped(pool.use.used.value()),
               grouped(pool.use.free.value()), text(api::to_string(pool.offering.availability))});
  }
  return table;
}

Json to_document(const std::vector<Choice>& choices) {
  Json list = Json::array();
  for (const Choice& choice : choices) {
    Json one{{"pool", choice.pool.str()}, {"tier", text(api::to_string(choice.tier))}};
    if (!choice.zone.empty()) one["zone"] = choice.zone.str();
    if (choice.rate) one["ratePerHour"] = choice.rate->to_string();
    if (choice.usd_per_useful_hour) one["usdPerUsefulHour"] = rounded(*choice.usd_per_useful_hour);
    if (choice.excluded) one["excluded"] = text(plan::to_string(*choice.excluded));
    one["note"] = choice_note(choice);
    list.push_back(std::move(one));
  }
  return list;
}

Json to_document(const Prospect& prospect) {
  Json document{{"kind", prospect.kind()}};
  if (!prospect.key.ns.empty()) document["namespace"] = prospect.key.ns.str();
  document["name"] = prospect.key.name.str();
  document["change"] = text(to_string(prospect.change));
  document["cause"] = prospect.cause;
  document["reason"] = prospect.sentence;
  document["fromFile"] = prospect.from_file;
  document["now"] = to_document(prospect.before);
  document["planned"] = to_document(prospect.after);
  document["unplaced"] = prospect.unplaced;
  document["alternatives"] = to_document(prospect.alternatives);
  return document;
}

Json to_document(const PoolOutlook& pool) {
  const market::NodePrice& price = pool.offering.price;
  Json document{{"name", pool.name.str()},
                {"tier", text(api::to_string(pool.tier))},
                {"model", pool.model.str()},
                {"zone", pool.zone.str()}};
  Json priced{{"quality", text(api::to_string(price.quality))}};
  if (price.quality != market::PriceQuality::kUnknown) {
    priced["perNodeHour"] = price.likely.to_string();
    priced["upperPerNodeHour"] = price.upper.to_string();
  }
  if (!price.source.empty()) priced["source"] = price.source;
  if (price.observed_at) priced["observedAt"] = format_instant(*price.observed_at);
  document["price"] = std::move(priced);
  document["nodes"] = {{"ready", pool.ready_nodes}, {"max", pool.max_nodes}};
  document["accelerators"] = {{"capacity", pool.use.capacity.value()},
                              {"used", pool.use.used.value()},
                              {"free", pool.use.free.value()}};
  document["availability"] = text(api::to_string(pool.offering.availability));
  if (pool.offering.retry_at) document["retryAt"] = format_instant(*pool.offering.retry_at);
  if (pool.offering.life.fresh)
    document["meanLifeSeconds"] =
        std::chrono::duration_cast<std::chrono::seconds>(*pool.offering.life.fresh).count();
  return document;
}

}  // namespace spillway::cli
