#include "config_reader.h"

#include <charconv>

namespace spillway::control {
namespace {

constexpr Duration kLongestTime = std::chrono::hours(24 * 30);

}  // namespace

std::string at_line(const YAML::Mark& mark) {
  return "line " + std::to_string(mark.line + 1) + ": ";
}

std::string in_quotes(std::string_view text) {
  return "'" + shorten(text, 60) + "'";
}

Result<std::string> text_of(const Value& value) {
  if (!value.node.IsScalar() || value.node.Scalar().empty()) return value.wrong("has to be a text");
  return value.node.Scalar();
}

Result<std::string> text_or(const Value& value, std::string otherwise) {
  if (value.absent()) return otherwise;
  return text_of(value);
}

Result<void> read_duration(const Value& value, Duration shortest, Duration& into) {
  if (value.absent()) return {};
  if (!value.node.IsScalar()) return value.wrong("has to be a time such as 90s, 10m or 1h30m");
  const auto duration = parse_duration(value.node.Scalar());
  if (!duration)
    return value.wrong("is " + in_quotes(value.node.Scalar()) +
                       ": write a time such as 90s, 10m or 1h30m");
  if (*duration < shortest || *duration > kLongestTime) {
    return value.wrong("is " + in_quotes(value.node.Scalar()) + ": write a time from " +
                       format_duration(shortest) + " to " + format_duration(kLongestTime));
  }
  into = *duration;
  return {};
}

Result<void> read_percent(const Value& value, std::int64_t& into) {
  if (value.absent()) return {};
  const std::string text = value.node.IsScalar() ? value.node.Scalar() : "";
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  if (!whole || number < 0 || number > 100)
    return value.wrong("has to be a whole number from 0 to 100");
  into = number;
  return {};
}

Result<void> read_flag(const Value& value, bool& into) {
  if (value.absent()) return {};
  const std::string text = value.node.IsScalar() ? value.node.Scalar() : "";
  if (text != "true" && text != "false") return value.wrong("has to be true or false");
  into = text == "true";
  return {};
}

Result<void> for_each(const Value& list, const std::function<Result<void>(const Value&)>& read) {
  if (list.absent()) return {};
  if (!list.node.IsSequence()) return list.wrong("has to be a list: begin each element with '- '");
  for (std::size_t i = 0; i < list.node.size(); ++i) {
    TRY_VOID(read({list.node[i], list.path + "[" + std::to_string(i) + "]"}));
  }
  return {};
}

}  // namespace spillway::control
