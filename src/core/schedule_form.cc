// How schedules are written: reading, showing, and what is refused.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include <spillway/core/schedule.h>
#include <spillway/core/text.h>

namespace spillway {
namespace {

using std::chrono::minutes;
using std::chrono::weekday;

constexpr std::array<std::string_view, 7> kDays{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::size_t kShown = 40;
constexpr minutes kDay = std::chrono::hours(24);
constexpr minutes kWeek = 7 * kDay;

std::optional<weekday> parse_day(std::string_view text) {
  const auto at = std::find(kDays.begin(), kDays.end(), text);
  if (at == kDays.end()) return std::nullopt;
  return weekday(static_cast<unsigned>(at - kDays.begin()));
}

std::string_view day_name(weekday day) {
  return kDays[day.c_encoding()];
}

std::string place(std::size_t index) {
  return "awake[" + std::to_string(index) + "]";
}

Result<void> check_window(const AwakeWindow& window, std::size_t index) {
  const std::string from = format_time_of_day(window.from);
  const std::string to = format_time_of_day(window.to);
  const std::string here = place(index) + ": ";
  if (window.from == kEndOfDay)
    return invalid(here + "from 24:00 is the next day's 00:00: write 00:00 and the day after");
  if (window.from == window.to) {
    return invalid(here + "from and to are both " + from +
                   ", an empty window: write from 00:00 to 24:00 for a whole day");
  }
  if (!window.overnight && window.to < window.from) {
    return invalid(here + "to " + to + " is before from " + from + ": " +
                   (window.to.since_midnight.count() == 0
                        ? "write 24:00 for the end of the day"
                        : "write overnight: true if the window ends on the following day"));
  }
  if (window.overnight && window.to > window.from) {
    return invalid(here + "overnight says that " + to +
                   " is on the following day, more than a day after " + from +
                   ": leave overnight out, or write two windows");
  }
  return {};
}

struct WeekSpan {  // minutes of a week that begins on Sunday; `to` may lie in the next one
  minutes from{};
  minutes to{};
};

std::vector<WeekSpan> week_of(const AwakeWindow& window) {
  std::vector<WeekSpan> spans;
  for (unsigned day = 0; day < 7; ++day) {
    if (!window.starts_on(weekday(day))) continue;
    const minutes midnight = day * kDay;
    const minutes end = window.to.since_midnight + (window.overnight ? kDay : minutes(0));
    spans.push_back({.from = midnight + window.from.since_midnight, .to = midnight + end});
  }
  return spans;
}

// What both cover, looked at in the same week or in two that follow one another.
std::optional<WeekSpan> common(const WeekSpan& a, const WeekSpan& b) {
  for (const minutes shift : {-kWeek, minutes(0), kWeek}) {
    const WeekSpan both{.from = std::max(a.from, b.from + shift),
                        .to = std::min(a.to, b.to + shift)};
    if (both.from < both.to) return both;
  }
  return std::nullopt;
}

std::optional<WeekSpan> overlap(const AwakeWindow& a, const AwakeWindow& b) {
  for (const WeekSpan& first : week_of(a)) {
    for (const WeekSpan& second : week_of(b)) {
      if (const auto both = common(first, second)) return both;
    }
  }
  return std::nullopt;
}

std::string in_words(const WeekSpan& span) {
  const minutes from = (span.from + kWeek) % kWeek;
  const minutes length = span.to - span.from;
  const minutes in_day = from % kDay;
  const minutes to = in_day + length <= kDay ? in_day + length : (in_day + length) % kDay;
  return fmt::format("{} {}-{}", day_name(weekday(static_cast<unsigned>(from / kDay))),
                     format_time_of_day({in_day}), format_time_of_day({to}));
}

}  // namespace

Result<WeekdaySpan> parse_weekdays(std::string_view text) {
  const std::size_t dash = text.find('-');
  const auto first = parse_day(text.substr(0, dash));
  const auto last = dash == std::string_view::npos ? first : parse_day(text.substr(dash + 1));
  if (first && last) return WeekdaySpan{.first = *first, .last = *last};
  return invalid("\"" + shorten(text, kShown) +
                 "\" names no weekdays: write Mon, Tue, Wed, Thu, Fri, Sat, Sun or a span of them "
                 "such as Mon-Fri");
}

std::string format_weekdays(WeekdaySpan span) {
  std::string text(day_name(span.first));
  if (span.first != span.last) text += "-" + std::string(day_name(span.last));
  return text;
}

Result<TimeOfDay> parse_time_of_day(std::string_view text) {
  const auto digit = [&](std::size_t at) { return text[at] >= '0' && text[at] <= '9'; };
  if (text.size() == 5 && text[2] == ':' && digit(0) && digit(1) && digit(3) && digit(4)) {
    const int hour = (text[0] - '0') * 10 + (text[1] - '0');
    const int minute = (text[3] - '0') * 10 + (text[4] - '0');
    const TimeOfDay time{std::chrono::hours(hour) + minutes(minute)};
    if (minute < 60 && time <= kEndOfDay) return time;
  }
  return invalid("\"" + shorten(text, kShown) +
                 "\" is not a time of day: write hours and minutes from 00:00 to 24:00 such as "
                 "\"08:00\"");
}

std::string format_time_of_day(TimeOfDay time) {
  const auto minutes_of = time.since_midnight.count();
  return fmt::format("{:02}:{:02}", minutes_of / 60, minutes_of % 60);
}

std::string format_window(const AwakeWindow& window) {
  std::string text;
  for (const WeekdaySpan& span : window.days)
    text += (text.empty() ? "" : ",") + format_weekdays(span);
  if (text.empty()) text = "every day";
  text += " " + format_time_of_day(window.from) + "-" + format_time_of_day(window.to);
  return window.overnight ? text + " overnight" : text;
}

Result<void> check_windows(const std::vector<AwakeWindow>& windows) {
  for (std::size_t i = 0; i < windows.size(); ++i)
    TRY_VOID(check_window(windows[i], i));
  return check_overlaps(windows);
}

Result<void> check_overlaps(const std::vector<AwakeWindow>& windows) {
  for (std::size_t i = 0; i < windows.size(); ++i) {
    for (std::size_t j = i + 1; j < windows.size(); ++j) {
      const auto both = overlap(windows[i], windows[j]);
      if (!both) continue;
      return invalid(place(i) + " (" + format_window(windows[i]) + ") and " + place(j) + " (" +
                     format_window(windows[j]) + ") overlap on " + in_words(*both) +
                     ", so that one of them says less than it seems: write windows that do not "
                     "overlap");
    }
  }
  return {};
}

Result<void> check_holidays(const std::vector<Holiday>& holidays) {
  std::map<CalendarDate, bool> seen;
  for (const Holiday& holiday : holidays) {
    if (!holiday.date.ok())
      return invalid("holidays: a date is not of the calendar: write one such as \"2026-12-24\"");
    const auto [at, added] = seen.emplace(holiday.date, holiday.awake);
    if (added) continue;
    const bool contradicts = at->second != holiday.awake;
    return invalid("holidays: " + format_date(holiday.date) + " is there twice" +
                   (contradicts ? ", once awake and once asleep" : "") + ": write each date once");
  }
  return {};
}

}  // namespace spillway
