#pragma once
// Two runs of the script, side by side.

#include <map>
#include <string>
#include <vector>

#include "subjects.h"

namespace spillway::conformance {

// Answers with what differs from run to run taken out: times, identities and versions (by the order
// in which they first appear, so that the same one is still the same one), addresses, tokens.
class Normaliser {
 public:
  nlohmann::json normalise(nlohmann::json value);

 private:
  void visit(nlohmann::json& value, const std::string& field);
  std::string version(const std::string& text);
  std::string without_uids(std::string text);
  std::map<std::string, std::string> uids_;
  std::map<std::string, std::string> versions_;
};

// What the model may say otherwise, and why.
struct KnownDifference {
  std::string step;  // its name, as a regular expression
  std::string path;  // of the JSON patch, as a regular expression
  std::string reason;
};
const std::vector<KnownDifference>& known_differences();

// Whether an object, or what a watch says, is compared in a step that asks among others.
bool counts(const nlohmann::json& object);
bool counts_frame(const nlohmann::json& frame);

// One sentence for each difference that is not known.
std::vector<std::string> compare(const std::vector<Step>& steps, const std::vector<Reply>& real,
                                 const std::vector<Reply>& model);

}  // namespace spillway::conformance
