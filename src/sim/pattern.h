#pragma once
// Regular expressions of schemas, compiled once each: compiling one costs a hundred times what
// matching a name does.

#include <string>

namespace spillway::sim {

// The pattern is found in the text (ECMAScript, as OpenAPI says it); one that is to match all of it
// is anchored.
bool matches_pattern(const std::string& text, const std::string& pattern);

}  // namespace spillway::sim
