#pragma once
// Reading of the configuration file: values that know where they stand, so that every error names
// the line, the key and what to write instead.

#include <algorithm>
#include <functional>
#include <initializer_list>
#include <set>
#include <string>
#include <string_view>

#include <yaml-cpp/yaml.h>

#include <spillway/core/result.h>
#include <spillway/core/text.h>
#include <spillway/core/time.h>

namespace spillway::control {

std::string at_line(const YAML::Mark& mark);
std::string in_quotes(std::string_view text);

// A value and where it stands: "placement.minRun", "feeds[0].name".
struct Value {
  YAML::Node node;
  std::string path;

  [[nodiscard]] tl::unexpected<Error> wrong(const std::string& sentence) const {
    return invalid(at_line(node.Mark()) + (path.empty() ? "the file " : "'" + path + "' ") +
                   sentence);
  }
  // Commenting out everything below a key leaves null behind: the same as leaving the key out.
  [[nodiscard]] bool absent() const { return !node.IsDefined() || node.IsNull(); }
};

using Keys = std::initializer_list<std::string_view>;

// A mapping all of whose keys are known.
class Section {
 public:
  static Result<Section> open(const Value& value, Keys known) {
    if (value.absent()) return Section(value);
    const std::string list = join({known.begin(), known.end()}, ", ");
    if (!value.node.IsMap()) return value.wrong("has to be a mapping with the keys " + list);
    std::set<std::string> seen;
    for (const auto& entry : value.node) {
      const Value key{entry.first, value.path};
      if (!entry.first.IsScalar())
        return key.wrong("has a key that is not a word: write one of " + list);
      const std::string& name = entry.first.Scalar();
      if (std::find(known.begin(), known.end(), name) == known.end()) {
        const std::string where = value.path.empty() ? "" : " in '" + value.path + "'";
        return invalid(at_line(entry.first.Mark()) + in_quotes(name) + " is not a known key" +
                       where + ": write one of " + list);
      }
      if (!seen.insert(name).second) {
        return invalid(at_line(entry.first.Mark()) + in_quotes(name) +
                       " is written twice: keep one");
      }
    }
    return Section(value);
  }

  // Absent when the key is not there or has no value.
  [[nodiscard]] Value operator[](const std::string& key) const {
    const std::string path = value_.path.empty() ? key : value_.path + "." + key;
    if (value_.absent()) return {YAML::Node(YAML::NodeType::Null), path};
    const YAML::Node& map = value_.node;
    const YAML::Node child = map[key];
    return {child.IsDefined() ? child : YAML::Node(YAML::NodeType::Null), path};
  }
  [[nodiscard]] bool has(const std::string& key) const { return !(*this)[key].absent(); }
  [[nodiscard]] tl::unexpected<Error> missing(const std::string& key,
                                              const std::string& example) const {
    return value_.wrong("has no '" + key + "': write one, such as " + example);
  }

 private:
  explicit Section(Value value) : value_(std::move(value)) {}
  Value value_;
};

Result<std::string> text_of(const Value& value);
// The text at a key; `otherwise` when it is left out.
Result<std::string> text_or(const Value& value, std::string otherwise);
Result<void> read_duration(const Value& value, Duration shortest, Duration& into);
Result<void> read_percent(const Value& value, std::int64_t& into);
Result<void> read_flag(const Value& value, bool& into);
// Calls `read` for each element of a list; a list that is left out is empty.
Result<void> for_each(const Value& list, const std::function<Result<void>(const Value&)>& read);

}  // namespace spillway::control
