#pragma once
// Label selectors in the form of a query ("a=b,c!=d,e in (f,g),h,!i") and of an object
// (matchLabels, matchExpressions).

#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include <spillway/core/result.h>

namespace spillway::sim {

class LabelSelector {
 public:
  static Result<LabelSelector> parse(std::string_view query);
  // null selects nothing, as in a Job or a PodDisruptionBudget without selector.
  static LabelSelector from_object(const nlohmann::json& selector);

  [[nodiscard]] bool everything() const { return requirements_.empty() && !nothing_; }
  // `labels` is metadata.labels, or null.
  [[nodiscard]] bool matches(const nlohmann::json& labels) const;

 private:
  enum class Operator { kIn, kNotIn, kExists, kDoesNotExist };
  struct Requirement {
    std::string key;
    Operator op = Operator::kIn;
    std::vector<std::string> values;
  };
  static Result<Requirement> parse_one(std::string_view text);
  std::vector<Requirement> requirements_;
  bool nothing_ = false;
};

}  // namespace spillway::sim
