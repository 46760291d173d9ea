#include <spillway/core/schedule.h>

#include <algorithm>

namespace spillway {
namespace {

using std::chrono::days;
using std::chrono::local_days;
using std::chrono::weekday;

local_days date_of(const CalendarDate& date) {
  return local_days(date);
}

Instant start_of(const TimeZone& zone, local_days day) {
  return zone.first(LocalTime(day));
}

// The calendar day that an instant belongs to: from when clocks first show its midnight until they
// first show the next one. (Clocks that go back over midnight show the day before once more.)
local_days day_of(const TimeZone& zone, Instant now) {
  local_days day = std::chrono::floor<days>(zone.local(now));
  if (now < start_of(zone, day)) day -= days(1);
  if (now >= start_of(zone, day + days(1))) day += days(1);
  return day;
}

const Holiday* holiday_on(const Schedule& schedule, local_days day) {
  const auto& list = schedule.holidays();
  const auto at = std::lower_bound(
      list.begin(), list.end(), day,
      [](const Holiday& holiday, local_days d) { return date_of(holiday.date) < d; });
  return at != list.end() && date_of(at->date) == day ? &*at : nullptr;
}

struct Span {
  Instant begin{};
  Instant end{};
  [[nodiscard]] bool contains(Instant at) const { return begin <= at && at < end; }
};

Span span_of(const TimeZone& zone, const AwakeWindow& window, local_days day) {
  const LocalTime midnight(day);
  const LocalTime end =
      midnight + (window.overnight ? days(1) : days(0)) + window.to.since_midnight;
  return {.begin = zone.first(midnight + window.from.since_midnight), .end = zone.first(end)};
}

bool opens(const Schedule& schedule, const AwakeWindow& window, local_days day) {
  if (!window.starts_on(weekday(day))) return false;
  const Holiday* holiday = holiday_on(schedule, day);
  return holiday == nullptr || holiday->awake;
}

struct State {
  bool awake = false;
  ScheduleGround ground = ScheduleGround::kOutsideWindows;
};

// Without the exception.
State state_on(const Schedule& schedule, local_days day, Instant now) {
  if (const Holiday* holiday = holiday_on(schedule, day))
    return {.awake = holiday->awake, .ground = ScheduleGround::kHoliday};
  for (const AwakeWindow& window : schedule.windows()) {
    const bool today =
        opens(schedule, window, day) && span_of(schedule.zone(), window, day).contains(now);
    const bool since_yesterday = window.overnight && opens(schedule, window, day - days(1)) &&
                                 span_of(schedule.zone(), window, day - days(1)).contains(now);
    if (today || since_yesterday) return {.awake = true, .ground = ScheduleGround::kWindow};
  }
  return {};
}

State state_at(const Schedule& schedule, Instant now) {
  if (schedule.except_until() && now < *schedule.except_until())
    return {.awake = true, .ground = ScheduleGround::kException};
  return state_on(schedule, day_of(schedule.zone(), now), now);
}

// Every instant of this day at which the state could change; an edge of the night after it belongs
// to the next day.
std::vector<Instant> edges_on(const Schedule& schedule, local_days day) {
  std::vector<Instant> edges{start_of(schedule.zone(), day)};
  for (const AwakeWindow& window : schedule.windows()) {
    if (opens(schedule, window, day)) {
      const Span span = span_of(schedule.zone(), window, day);
      edges.push_back(span.begin);
      if (!window.overnight) edges.push_back(span.end);
    }
    if (window.overnight && opens(schedule, window, day - days(1)))
      edges.push_back(span_of(schedule.zone(), window, day - days(1)).end);
  }
  std::sort(edges.begin(), edges.end());
  return edges;
}

// Without an edge for this long nothing changes before the next holiday. Two weeks, because clocks
// may skip a weekly window once; one more for the days around.
constexpr days kQuietDays{22};

// The first day on or after `day` that has to be looked at, when nothing changed since `regular`.
std::optional<local_days> next_day(const Schedule& schedule, local_days day, local_days regular) {
  if (day <= regular + kQuietDays) return day;
  for (const Holiday& holiday : schedule.holidays()) {  // few, and by date
    const local_days date = date_of(holiday.date);
    if (date + kQuietDays >= day) return std::max(day, date);
  }
  return std::nullopt;
}

std::optional<Instant> next_change(const Schedule& schedule, Instant now) {
  const bool state = state_at(schedule, now).awake;
  const local_days today = day_of(schedule.zone(), now);
  for (auto day = next_day(schedule, today, today); day;
       day = next_day(schedule, *day + days(1), today)) {
    for (const Instant edge : edges_on(schedule, *day)) {
      if (edge > now && state_at(schedule, edge).awake != state) return edge;
    }
  }
  return std::nullopt;
}

}  // namespace

bool AwakeWindow::starts_on(weekday day) const {
  return days.empty() || std::any_of(days.begin(), days.end(),
                                     [&](const WeekdaySpan& span) { return span.contains(day); });
}

Result<Schedule> Schedule::make(const ScheduleSpec& spec) {
  TRY_VOID(check_windows(spec.awake));
  TRY_VOID(check_holidays(spec.holidays));
  TRY(zone, TimeZone::find(spec.time_zone));
  Schedule schedule;
  schedule.zone_ = std::move(zone);
  schedule.windows_ = spec.awake;
  schedule.holidays_ = spec.holidays;
  std::sort(schedule.holidays_.begin(), schedule.holidays_.end(),
            [](const Holiday& a, const Holiday& b) { return a.date < b.date; });
  schedule.except_until_ = spec.except_until;
  return schedule;
}

const Holiday* Schedule::holiday(Instant now) const {
  return holidays_.empty() ? nullptr : holiday_on(*this, day_of(zone_, now));
}

bool awake(const Schedule& schedule, Instant now) {
  return state_at(schedule, now).awake;
}

ScheduleGround ground(const Schedule& schedule, Instant now) {
  return state_at(schedule, now).ground;
}

std::optional<Instant> next_transition(const Schedule& schedule, Instant now) {
  const auto until = schedule.except_until();
  if (!until || now >= *until) return next_change(schedule, now);
  if (!awake(schedule, *until)) return until;
  return next_change(schedule, *until);
}

std::optional<Instant> last_transition(const Schedule& schedule, Instant now) {
  std::optional<Instant> last;
  for (auto at = next_transition(schedule, now - days(31)); at && *at <= now;
       at = next_transition(schedule, *at)) {
    last = at;
  }
  return last;
}

std::vector<Transition> transitions(const Schedule& schedule, Instant from, Instant until,
                                    std::size_t limit) {
  std::vector<Transition> list;
  bool state = awake(schedule, from);
  while (list.size() < limit) {
    const auto at = next_transition(schedule, from);
    if (!at || *at > until) break;
    state = !state;
    list.push_back({.at = *at, .awake = state});
    from = *at;
  }
  return list;
}

std::vector<SkippedWindow> skipped_windows(const Schedule& schedule, Instant from, Instant until) {
  constexpr days kMostDays{1000};
  std::vector<SkippedWindow> list;
  const local_days first = day_of(schedule.zone(), from);
  const local_days last = std::min(day_of(schedule.zone(), until), first + kMostDays);
  for (local_days day = first; day <= last; day += days(1)) {
    for (std::size_t i = 0; i < schedule.windows().size(); ++i) {
      const AwakeWindow& window = schedule.windows()[i];
      if (!opens(schedule, window, day)) continue;
      const Span span = span_of(schedule.zone(), window, day);
      if (span.begin >= span.end) list.push_back({.day = CalendarDate(day), .window = i});
    }
  }
  return list;
}

}  // namespace spillway
