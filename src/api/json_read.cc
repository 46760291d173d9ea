#include "json_read.h"

#include <set>

namespace spillway::api {
namespace {

constexpr std::size_t kShownValue = 60;

std::string range_text(std::int64_t minimum, std::int64_t maximum) {
  if (maximum >= std::numeric_limits<std::int32_t>::max())
    return "write a number from " + std::to_string(minimum) + " up";
  return "write a number from " + std::to_string(minimum) + " to " + std::to_string(maximum);
}

std::string in_quotes(std::string_view text) {
  return "\"" + shorten(text, kShownValue) + "\"";
}

// An integer of a field that takes text as well: it has a sentence of its own.
bool integer_within(const Json& value, const Limits& limits, std::int32_t& out) {
  Problems problems;
  Reader reader{.problems = problems, .unknown = UnknownFields::kIgnore};
  read_value(reader, Path{}, value, limits, out);
  return problems.empty();
}

// Text that a parser of its own turns into a value.
template <class T>
void read_parsed(Reader& reader, const Path& path, const Json& value, const Limits& limits,
                 Result<T> (*parse)(std::string_view), T& out) {
  std::string text;
  if (!read_text(reader, path, value, limits, text)) return;
  if (auto parsed = parse(text)) {
    out = *std::move(parsed);
  } else {
    reader.problems.add(path, parsed.error().message);
  }
}

bool has_form(std::string_view text, const TextFormat& format) {
  return text.size() <= format.max_length && format.holds(text);
}

}  // namespace

std::string describe(const Json& value) {
  if (value.is_string()) return in_quotes(value.get_ref<const std::string&>());
  if (value.is_object()) return "an object";
  if (value.is_array()) return "a list";
  return shorten(value.dump(-1, ' ', false, Json::error_handler_t::replace), kShownValue);
}

bool read_integer(Reader& reader, const Path& path, const Json& value, std::int64_t minimum,
                  std::int64_t maximum, std::int64_t& out) {
  if (!value.is_number_integer()) {
    reader.problems.add(
        path, describe(value) + " is not a whole number: " + range_text(minimum, maximum));
    return false;
  }
  // Above int64: nlohmann keeps such a literal as uint64, and get<int64_t> would wrap it.
  const bool huge =
      value.is_number_unsigned() &&
      value.get<std::uint64_t>() > static_cast<std::uint64_t>(maximum < 0 ? 0 : maximum);
  const std::int64_t number = huge ? maximum : value.get<std::int64_t>();
  if (huge || number > maximum || number < minimum) {
    const bool above = huge || number > maximum;
    reader.problems.add(path, describe(value) + (above ? " is above " : " is below ") +
                                  std::to_string(above ? maximum : minimum) + ": " +
                                  range_text(minimum, maximum));
    return false;
  }
  out = number;
  return true;
}

bool read_text(Reader& reader, const Path& path, const Json& value, const Limits& limits,
               std::string& out) {
  const TextFormat* format = limits.format;
  if (!value.is_string()) {
    reader.problems.add(
        path, describe(value) + " is not text: " +
                  (format != nullptr ? std::string(format->message) : "write it in quotes"));
    return false;
  }
  const std::string& text = value.get_ref<const std::string&>();
  if (format != nullptr && !has_form(text, *format)) {
    reader.problems.add(path, in_quotes(text) + ": " + std::string(format->message));
    return false;
  }
  if (limits.max_length != 0 && text.size() > limits.max_length) {
    reader.problems.add(path, in_quotes(text) + " is too long: write at most " +
                                  std::to_string(limits.max_length) + " bytes");
    return false;
  }
  out = text;
  return true;
}

void read_value(Reader& reader, const Path& path, const Json& value, const Limits&, bool& out) {
  if (value.is_boolean()) {
    out = value.get<bool>();
  } else {
    reader.problems.add(path, describe(value) + ": write true or false");
  }
}

void read_value(Reader& reader, const Path& path, const Json& value, const Limits& limits,
                std::string& out) {
  read_text(reader, path, value, limits, out);
}

void read_value(Reader& reader, const Path& path, const Json& value, const Limits& limits,
                Money& out) {
  std::string text;
  if (!read_text(reader, path, value, limits, text)) return;
  const bool negative = text.starts_with('-');
  const auto amount = Money::parse(negative ? std::string_view(text).substr(1) : text);
  if (!amount) {
    reader.problems.add(path, amount.error().message);
    return;
  }
  out = negative ? Money() - *amount : *amount;
}

void read_value(Reader& reader, const Path& path, const Json& value, const Limits& limits,
                HourlyRate& out) {
  Money per_hour = out.per_hour();
  read_value(reader, path, value, limits, per_hour);
  out = HourlyRate(per_hour);
}

void read_value(Reader& reader, const Path& path, const Json& value, const Limits& limits,
                Duration& out) {
  read_parsed(reader, path, value, limits, &parse_duration, out);
}

void read_value(Reader& reader, const Path& path, const Json& value, const Limits& limits,
                Instant& out) {
  read_parsed(reader, path, value, limits, &parse_instant, out);
}

void read_value(Reader& reader, const Path& path, const Json& value, const Limits& limits,
                WeekdaySpan& out) {
  read_parsed(reader, path, value, limits, &parse_weekdays, out);
}

void read_value(Reader& reader, const Path& path, const Json& value, const Limits& limits,
                TimeOfDay& out) {
  read_parsed(reader, path, value, limits, &parse_time_of_day, out);
}

void read_value(Reader& reader, const Path& path, const Json& value, const Limits& limits,
                CalendarDate& out) {
  read_parsed(reader, path, value, limits, &parse_date, out);
}

void read_value(Reader& reader, const Path& path, const Json& value, const Limits&, TierSet& out) {
  std::vector<Tier> tiers;
  read_value(reader, path, value, {.min_items = 1, .max_items = kAllTiers.size()}, tiers);
  out = TierSet();
  for (Tier tier : tiers) {
    if (out.contains(tier)) {
      reader.problems.add(
          path, "\"" + std::string(to_string(tier)) + "\" is there twice: write each tier once");
    }
    out.insert(tier);
  }
}

void read_value(Reader& reader, const Path& path, const Json& value, const Limits&,
                PodTemplate& out) {
  const auto spec = value.find("spec");  // end() also when value is not an object
  const auto has_containers = [](const Json& pod) {
    const auto containers = pod.find("containers");
    return containers != pod.end() && containers->is_array() && !containers->empty();
  };
  if (spec == value.end() || !has_containers(*spec)) {
    reader.problems.add(path, kContainersMessage);
    return;
  }
  out = PodTemplate::from_json(value);
}

void read_value(Reader& reader, const Path& path, const Json& value, const Limits& limits,
                IntOrPercent& out) {
  std::int32_t number = 0;
  const bool percent = value.is_string();
  if (percent ? parse_percent(value.get_ref<const std::string&>(), number)
              : integer_within(value, limits, number)) {
    out = {.value = number, .percent = percent};
  } else {
    reader.problems.add(path, describe(value) + ": " + std::string(kIntOrPercentMessage));
  }
}

void read_value(Reader& reader, const Path& path, const Json& value, const Limits& limits,
                TargetPort& out) {
  if (value.is_string()) {
    std::string name;
    if (read_text(reader, path, value, limits, name)) out = std::move(name);
    return;
  }
  std::int32_t port = 0;
  if (integer_within(value, limits, port)) {
    out = port;
  } else {
    reader.problems.add(path, describe(value) + ": " + std::string(limits.format->message));
  }
}

void read_value(Reader& reader, const Path& path, const Json& value, const Limits& limits,
                Labels& out) {
  if (!value.is_object()) {
    reader.problems.add(path, describe(value) + ": write keys with text values");
    return;
  }
  if (!read_count(reader, path, value.size(), limits)) return;
  out.clear();
  for (const auto& [key, text] : value.items()) {
    read_text(reader, Path{&path, key}, text, {.max_length = limits.max_length}, out[key]);
  }
}

bool read_count(Reader& reader, const Path& path, std::size_t count, const Limits& limits) {
  if (count < limits.min_items) {
    reader.problems.add(path, "there are " + std::to_string(count) + " entries: write at least " +
                                  std::to_string(limits.min_items));
    return false;
  }
  if (limits.max_items != 0 && count > limits.max_items) {
    reader.problems.add(path, "there are " + std::to_string(count) + " entries: write at most " +
                                  std::to_string(limits.max_items));
    return false;
  }
  return true;
}

void refuse_duplicates(Reader& reader, const Path& path, const Json& list, std::string_view key) {
  std::set<std::string> seen;
  for (const Json& entry : list) {
    const auto found = entry.find(key);
    if (!entry.is_object() || found == entry.end() || !found->is_string()) continue;
    if (!seen.insert(found->get<std::string>()).second) {
      reader.problems.add(
          path, describe(*found) + " is there twice: write each " + std::string(key) + " once");
    }
  }
}

}  // namespace spillway::api
