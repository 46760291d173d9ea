// Whatever a resource holds, writing and reading it gives the same resource: random values are
// drawn from the field tables, so that a new field is covered without a new line here.

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <set>

#include <nlohmann/json.hpp>

#include "capacity_pool_fields.h"
#include "cost_policy_fields.h"
#include "enum_names.h"
#include "inference_pool_fields.h"
#include "json_write.h"
#include "training_job_fields.h"

namespace spillway::api {
namespace {

std::string text_over(const std::string& alphabet, std::size_t least, std::size_t most) {
  const auto length = *rc::gen::inRange<std::size_t>(least, most + 1);
  return *rc::gen::container<std::string>(length, rc::gen::elementOf(alphabet));
}

std::string draw_text(const Limits& limits) {
  if (limits.format == &kResourceName)
    return text_over("abc", 1, 5) + ".com/" + text_over("gpu", 1, 5);
  if (limits.format == &kAbsolutePath) return "/" + text_over("ab.", 1, 5);
  if (limits.format != nullptr) return text_over("abcXYZ", 1, 10);  // a name of any form
  return text_over("ab \"\n\\{", 0, std::min<std::size_t>(limits.max_length, 20));
}

void draw(const Limits& limits, std::string& out) {
  out = draw_text(limits);
}
void draw(const Limits&, bool& out) {
  out = *rc::gen::arbitrary<bool>();
}
void draw(const Limits& limits, Duration& out) {
  const bool bounded = limits.format != &kDuration && limits.format != &kPositiveDuration;
  out = Duration(bounded ? *rc::gen::inRange<std::int64_t>(10'000, 3'600'001)
                         : *rc::gen::inRange<std::int64_t>(1, 100'000'000));
}
void draw(const Limits&, Instant& out) {
  out = Instant(std::chrono::seconds(*rc::gen::inRange<std::int64_t>(1, 10'000'000'000)));
}
void draw(const Limits& limits, Money& out) {
  const bool below_zero = limits.format == &kSignedAmount;
  out = Money::micros(
      *rc::gen::inRange<std::int64_t>(below_zero ? -1'000'000'000 : 0, 1'000'000'000'000));
}
void draw(const Limits& limits, HourlyRate& out) {
  Money per_hour;
  draw(limits, per_hour);
  out = HourlyRate(per_hour);
}
void draw(const Limits&, Labels& out) {
  out = {{text_over("ab/.", 1, 9), text_over("ab", 0, 9)}, {"fixed", "value"}};
}
void draw(const Limits&, WeekdaySpan& out) {
  const auto day = [] {
    return std::chrono::weekday(static_cast<unsigned>(*rc::gen::inRange(0, 7)));
  };
  out = {.first = day(), .last = day()};
}
void draw(const Limits&, TimeOfDay& out) {
  out = {std::chrono::minutes(*rc::gen::inRange(0, 1'441))};
}
void draw(const Limits&, CalendarDate& out) {
  out = std::chrono::sys_days(std::chrono::days(*rc::gen::inRange(0, 40'000)));
}
void draw(const Limits&, TierSet& out) {
  out = *rc::gen::element(TierSet{Tier::kSpot}, TierSet{Tier::kReserved, Tier::kOnDemand},
                          TierSet::all());
}
void draw(const Limits&, IntOrPercent& out) {
  out = {.value = *rc::gen::inRange(0, 101), .percent = *rc::gen::arbitrary<bool>()};
}
void draw(const Limits&, TargetPort& out) {
  out = *rc::gen::arbitrary<bool>() ? TargetPort(*rc::gen::inRange(1, 65'536))
                                    : TargetPort(text_over("abc", 1, 15));
}
void draw(const Limits&, PodTemplate& out) {
  out =
      PodTemplate::from_json({{"spec", {{"containers", {{{"name", text_over("ab\"\n", 1, 5)}}}}}}});
}

template <std::integral Integer>
  requires(!std::same_as<Integer, bool>)
void draw(const Limits& limits, Integer& out) {
  const std::int64_t low = limits.minimum.value_or(-5);
  const std::int64_t high = limits.maximum.value_or(1'000'000);
  out = static_cast<Integer>(*rc::gen::inRange<std::int64_t>(low, high + 1));
}
void draw(const Limits& limits, std::chrono::seconds& out) {
  std::int64_t count = 0;
  draw(limits, count);
  out = std::chrono::seconds(count);
}
template <class Tag>
void draw(const Limits& limits, StrongInt<Tag>& out) {
  std::int64_t number = 0;
  draw(limits, number);
  out = StrongInt<Tag>(number);
}
template <class Tag>
void draw(const Limits& limits, StrongString<Tag>& out) {
  out = StrongString<Tag>(draw_text(limits));
}
template <class Enum>
  requires std::is_enum_v<Enum>
void draw(const Limits&, Enum& out) {
  out = kEnumNames<Enum>.at(*rc::gen::inRange<std::size_t>(0, kEnumNames<Enum>.size())).value;
}
template <IsDescribed Class>
void draw(const Limits&, Class& out);
template <class T>
void draw(const Limits& limits, std::optional<T>& out) {
  out.reset();
  if (*rc::gen::arbitrary<bool>()) draw(limits, out.emplace());
}
template <class T>
void draw(const Limits& limits, std::vector<T>& out) {
  out.clear();
  std::set<nlohmann::json> keys;
  const auto count = *rc::gen::inRange<std::size_t>(limits.min_items,
                                                    std::min<std::size_t>(limits.max_items, 4) + 1);
  for (std::size_t i = 0; i < count; ++i) {
    T entry{};
    draw(of_entries(limits), entry);
    if (limits.list_key.empty() ||
        keys.insert(to_json_value(entry)[std::string(limits.list_key)]).second) {
      out.push_back(std::move(entry));
    }
  }
}
template <IsDescribed Class>
void draw(const Limits&, Class& out) {
  for_each_field<Class>([&](const auto& field) { draw(field.limits, out.*(field.member)); });
}

void draw_meta(ObjectMeta& meta) {
  meta.key = {Namespace(text_over("ab", 0, 5)), ObjectName(text_over("ab", 1, 5))};
  meta.uid = Uid(text_over("0f-", 0, 9));
  meta.resource_version = ResourceVersion(text_over("12", 0, 9));
  meta.generation = *rc::gen::inRange<std::int64_t>(0, 100);
  draw({}, meta.created_at);
  draw({}, meta.deleted_at);
  draw({}, meta.labels);
  draw({}, meta.annotations);
  if (*rc::gen::arbitrary<bool>()) {
    meta.controller = OwnerReference{
        .kind = "Workflow", .name = ObjectName("w"), .uid = Uid("u"), .controller = true};
  }
}

template <class Kind>
void check_round_trip() {
  Kind kind;
  draw({}, kind);
  draw_meta(kind.meta);
  const nlohmann::json written = write(kind);
  const auto again = read<Kind>(nlohmann::json::parse(written.dump()), UnknownFields::kRefuse);
  if (!again) RC_FAIL(again.error().message + " in " + written.dump());
  RC_ASSERT(*again == kind);
  RC_ASSERT(write(*again) == written);
}

RC_GTEST_PROP(RoundTripProperty, training_job, ()) {
  check_round_trip<TrainingJob>();
}
RC_GTEST_PROP(RoundTripProperty, inference_pool, ()) {
  check_round_trip<InferencePool>();
}
RC_GTEST_PROP(RoundTripProperty, capacity_pool, ()) {
  check_round_trip<CapacityPool>();
}
RC_GTEST_PROP(RoundTripProperty, cost_policy, ()) {
  check_round_trip<CostPolicy>();
}

}  // namespace
}  // namespace spillway::api
