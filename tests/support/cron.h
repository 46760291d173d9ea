#pragma once
// Cron expressions as other tools write off-hours, read into edges of our clocks: 5 fields, or 6
// with seconds first, "TZ=zone" or "CRON_TZ=zone" before them. Only for tests: the product has no
// cron.

#include <algorithm>
#include <array>
#include <bitset>
#include <cctype>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <spillway/core/text.h>
#include <spillway/core/time_zone.h>

namespace spillway::test {

class Cron {
 public:
  static Result<Cron> parse(std::string_view text, const TimeZoneName& default_zone) {
    Cron cron;
    TimeZoneName zone = default_zone;
    std::vector<std::string> fields;
    for (std::string_view word : split(trim(text), ' ')) {
      if (word.empty()) continue;
      const std::size_t equals = word.find('=');
      if (equals != std::string_view::npos && word.substr(0, equals).ends_with("TZ")) {
        zone = TimeZoneName(word.substr(equals + 1));
      } else {
        fields.emplace_back(word);
      }
    }
    if (fields.size() == 5) fields.insert(fields.begin(), "0");
    if (fields.size() != 6)
      return invalid("a cron expression has 5 fields, or 6 with seconds: " + std::string(text));
    for (std::size_t i = 0; i < fields.size(); ++i)
      TRY_VOID(cron.read(i, fields[i]));
    TRY(found, TimeZone::find(zone));
    cron.zone_ = std::move(found);
    return cron;
  }

  [[nodiscard]] std::optional<Instant> next(Instant after) const {
    constexpr int kDays = 5 * 366;
    return search(after, 1, kDays, [&](Instant at) { return at > after; });
  }
  // The latest edge not after `now`.
  [[nodiscard]] std::optional<Instant> last(Instant now) const {
    constexpr int kDays = 400;
    return search(now, -1, kDays, [&](Instant at) { return at <= now; });
  }
  [[nodiscard]] const TimeZone& zone() const { return zone_; }
  // An edge on that calendar day lies in an hour that clocks skip.
  [[nodiscard]] bool skips_on(std::chrono::local_days day) const {
    for (const LocalTime wall : walls_on(day)) {
      if (zone_.local(zone_.first(wall)) != wall) return true;
    }
    return false;
  }

 private:
  using Days = std::chrono::local_days;

  static constexpr std::array<std::pair<int, int>, 6> kBounds{
      {{0, 59}, {0, 59}, {0, 23}, {1, 31}, {1, 12}, {0, 7}}};

  static std::optional<int> number(std::string_view text, std::size_t field) {
    static constexpr std::array<std::string_view, 12> kMonths{
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"};
    static constexpr std::array<std::string_view, 7> kWeekdays{"sun", "mon", "tue", "wed",
                                                               "thu", "fri", "sat"};
    std::string lower(text);
    for (char& c : lower)
      c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    for (std::size_t i = 0; field == 4 && i < kMonths.size(); ++i) {
      if (kMonths[i] == lower) return static_cast<int>(i) + 1;
    }
    for (std::size_t i = 0; field == 5 && i < kWeekdays.size(); ++i) {
      if (kWeekdays[i] == lower) return static_cast<int>(i);
    }
    if (text.empty() || text.size() > 2 ||
        !std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; }))
      return std::nullopt;
    return std::stoi(lower);
  }

  Result<void> read(std::size_t field, const std::string& text) {
    const auto [low, high] = kBounds.at(field);
    const auto refuse = [&] { return invalid("cron field \"" + text + "\""); };
    for (std::string_view part : split(text, ',')) {
      const std::size_t slash = part.find('/');
      const auto step =
          slash == std::string_view::npos ? std::optional(1) : number(part.substr(slash + 1), 0);
      const std::string_view range = part.substr(0, slash);
      std::optional<int> from = low;
      std::optional<int> to = high;
      if (range == "*" || range == "?") {
        if (slash == std::string_view::npos) star_.set(field);
      } else {
        const std::size_t dash = range.find('-');
        from = number(range.substr(0, dash), field);
        to = dash == std::string_view::npos
                 ? (slash == std::string_view::npos ? from : std::optional(high))
                 : number(range.substr(dash + 1), field);
      }
      if (!step || *step < 1 || !from || !to || *from < low || *to > high || *from > *to)
        return refuse();
      for (int value = *from; value <= *to; value += *step)
        sets_.at(field).set(static_cast<std::size_t>(value));
    }
    if (field == 5 && sets_[5].test(7)) sets_[5].set(0);
    return {};
  }

  [[nodiscard]] bool on(Days day) const {
    const CalendarDate date(day);
    if (!sets_[4].test(unsigned(date.month()))) return false;
    const bool of_month = sets_[3].test(unsigned(date.day()));
    const bool of_week = sets_[5].test(std::chrono::weekday(day).c_encoding());
    if (star_.test(3) || star_.test(5)) return of_month && of_week;
    return of_month || of_week;
  }

  [[nodiscard]] std::vector<LocalTime> walls_on(Days day) const {
    std::vector<LocalTime> walls;
    if (!on(day)) return walls;
    for (std::size_t hour = 0; hour < 24; ++hour) {
      for (std::size_t minute = 0; sets_[2].test(hour) && minute < 60; ++minute) {
        for (std::size_t second = 0; sets_[1].test(minute) && second < 60; ++second) {
          if (sets_[0].test(second))
            walls.push_back(LocalTime(day) + std::chrono::hours(hour) +
                            std::chrono::minutes(minute) + std::chrono::seconds(second));
        }
      }
    }
    return walls;
  }

  template <class Accept>
  std::optional<Instant> search(Instant near, int direction, int most_days, Accept accept) const {
    const auto today = std::chrono::floor<std::chrono::days>(zone_.local(near));
    std::optional<Instant> best;
    // A day before and after: an edge that clocks skip may belong to the day next to it.
    for (int i = -1; i <= most_days; ++i) {
      if (best && i > 2) break;
      for (const LocalTime wall : walls_on(today + std::chrono::days(i * direction))) {
        const Instant at = zone_.first(wall);
        if (!accept(at)) continue;
        if (!best || (direction > 0 ? at < *best : at > *best)) best = at;
      }
      if (best && i >= 1) break;
    }
    return best;
  }

  std::array<std::bitset<64>, 6> sets_;  // seconds, minutes, hours, days, months, weekdays
  std::bitset<6> star_;
  TimeZone zone_;
};

}  // namespace spillway::test
