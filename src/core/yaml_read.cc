#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <functional>
#include <optional>

#include <yaml-cpp/yaml.h>

#include <spillway/core/text.h>
#include <spillway/core/yaml.h>

namespace spillway {
namespace {

using Json = nlohmann::json;

std::string at_line(std::size_t line) {
  return "line " + std::to_string(line) + ": ";
}

std::size_t line_of(const YAML::Node& node) {
  const YAML::Mark mark = node.Mark();
  return mark.is_null() ? 1 : static_cast<std::size_t>(mark.line) + 1;
}

// What leaves the conversion of a document early; caught in parse_yaml.
struct Refusal {
  std::string sentence;
};

[[noreturn]] void refuse(const YAML::Node& node, const std::string& sentence) {
  throw Refusal{at_line(line_of(node)) + sentence};
}

template <std::size_t N>
bool one_of(std::string_view text, const std::array<std::string_view, N>& words) {
  return std::find(words.begin(), words.end(), text) != words.end();
}

constexpr std::array<std::string_view, 5> kNull{"", "~", "null", "Null", "NULL"};
constexpr std::array<std::string_view, 11> kTrue{"true", "True", "TRUE", "yes", "Yes", "YES",
                                                 "on",   "On",   "ON",   "y",   "Y"};
constexpr std::array<std::string_view, 11> kFalse{"false", "False", "FALSE", "no", "No", "NO",
                                                  "off",   "Off",   "OFF",   "n",  "N"};
constexpr std::array<std::string_view, 12> kNotFinite{".inf",  ".Inf",  ".INF",  "+.inf",
                                                      "+.Inf", "+.INF", "-.inf", "-.Inf",
                                                      "-.INF", ".nan",  ".NaN",  ".NAN"};

// Decimal, 0x, 0o, 0b and, as in YAML 1.1, octal after a leading zero.
std::optional<Json> integer(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  int base = 10;
  if (text.starts_with("0x") || text.starts_with("0X")) base = 16;
  if (text.starts_with("0o")) base = 8;
  if (text.starts_with("0b")) base = 2;
  if (base != 10) text.remove_prefix(2);
  if (base == 10 && text.size() > 1 && text.starts_with('0')) base = 8;
  std::uint64_t magnitude = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), magnitude, base);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  if (!negative) return Json(magnitude);
  constexpr std::uint64_t kLowest = std::uint64_t{1} << 63;
  if (magnitude > kLowest) return std::nullopt;
  return Json(static_cast<std::int64_t>(~magnitude + 1));
}

// Digits with a point or an exponent; "1.2.3", "infinity" and "1e" are words.
std::optional<Json> real(std::string_view text) {
  const std::string_view digits = text.starts_with('+') ? text.substr(1) : text;
  if (digits.find_first_not_of("+-.0123456789eE") != std::string_view::npos) return std::nullopt;
  double value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (digits.empty() || error != std::errc() || end != digits.data() + digits.size())
    return std::nullopt;
  return Json(value);
}

class Converter {
 public:
  Json convert(const YAML::Node& node, std::size_t depth) {
    if (++values_ > kMaxYamlValues) {
      refuse(node, "more than " + std::to_string(kMaxYamlValues) +
                       " values: write fewer aliases, or several files");
    }
    if (depth > kMaxYamlDepth) {
      refuse(node, "nested deeper than " + std::to_string(kMaxYamlDepth) +
                       " levels: nothing here needs that, remove brackets or indentation");
    }
    if (node.IsMap()) return object(node, depth);
    if (node.IsSequence()) {
      Json list = Json::array();
      for (const auto& element : node)
        list.push_back(convert(element, depth + 1));
      return list;
    }
    return node.IsScalar() ? scalar(node) : Json();
  }

 private:
  Json object(const YAML::Node& node, std::size_t depth) {
    Json out = Json::object();
    std::vector<YAML::Node> merged;
    for (const auto& entry : node) {
      const YAML::Node& key = entry.first;
      if (!key.IsScalar()) refuse(key, "a key has to be a word: quote it");
      if (key.Scalar() == "<<" && key.Tag() != "!") {
        merged.push_back(entry.second);
        continue;
      }
      if (out.contains(key.Scalar()))
        refuse(key, "'" + shorten(key.Scalar(), 60) + "' is written twice: keep one");
      out[key.Scalar()] = convert(entry.second, depth + 1);
    }
    // What stands in the map itself wins over what is merged into it.
    for (const YAML::Node& source : merged)
      merge(out, source, depth);
    return out;
  }

  void merge(Json& out, const YAML::Node& source, std::size_t depth) {
    if (source.IsSequence()) {
      for (const auto& element : source)
        merge(out, element, depth + 1);
      return;
    }
    if (!source.IsMap()) refuse(source, "'<<' merges mappings: write an alias of one");
    const Json merged = convert(source, depth + 1);
    for (const auto& [key, value] : merged.items()) {
      if (!out.contains(key)) out[key] = value;
    }
  }

  static Json scalar(const YAML::Node& node) {
    const std::string& text = node.Scalar();
    if (node.Tag() == "!" || node.Tag() == "tag:yaml.org,2002:str") return text;
    if (one_of(text, kNull)) return nullptr;
    if (one_of(text, kTrue)) return true;
    if (one_of(text, kFalse)) return false;
    if (one_of(text, kNotFinite))
      refuse(node, "'" + text + "' is no number that JSON knows: write a number, or quote it");
    if (auto value = integer(text)) return *std::move(value);
    if (auto value = real(text)) return *std::move(value);
    return text;
  }

  std::size_t values_ = 0;
};

// nlohmann's messages begin with an identifier in brackets, and name the byte.
Result<std::vector<YamlDocument>> parse_json(std::string_view text) {
  try {
    std::vector<YamlDocument> documents;
    documents.push_back({.value = Json::parse(text.begin(), text.end())});
    return documents;
  } catch (const Json::parse_error& error) {
    const std::size_t byte = std::min(error.byte, text.size());
    const auto newlines =
        std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(byte), '\n');
    const std::string_view what(error.what());
    const std::size_t colon = what.find(": ");
    return invalid(at_line(static_cast<std::size_t>(newlines) + 1) + "this is not JSON: " +
                   shorten(colon == std::string_view::npos ? what : what.substr(colon + 2), 200));
  }
}

}  // namespace

Result<std::vector<YamlDocument>> parse_yaml(std::string_view text) {
  if (text.size() > kMaxYamlBytes) {
    return invalid("the text has " + std::to_string(text.size()) + " bytes: write at most " +
                   std::to_string(kMaxYamlBytes));
  }
  const std::string_view begin = trim(text);
  // "{a: 1}" is YAML and not JSON; the parser of YAML does not know every escape of JSON.
  if (begin.starts_with('{') || begin.starts_with('[')) {
    if (auto documents = parse_json(text)) return documents;
    const auto next = begin.find_first_not_of(" \t\r\n", 1);
    if (next != std::string_view::npos && begin[next] == '"') return parse_json(text);
  }
  try {
    std::vector<YamlDocument> documents;
    Converter converter;
    for (const YAML::Node& node : YAML::LoadAll(std::string(text))) {
      Json value = converter.convert(node, 0);
      if (!value.is_null()) documents.push_back({.value = std::move(value), .line = line_of(node)});
    }
    return documents;
  } catch (const Refusal& refusal) {
    return invalid(refusal.sentence);
  } catch (const YAML::Exception& error) {
    const auto line = error.mark.is_null() ? 0 : error.mark.line;
    return invalid(at_line(static_cast<std::size_t>(line) + 1) + "this is not YAML: " + error.msg);
  }
}

}  // namespace spillway
