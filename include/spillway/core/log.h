#pragma once
// Structured logging: one line an event, a fixed message and typed fields. JSON for machines, text
// for people. Thread-safe. Secrets have no formatter, so they cannot be logged by accident.

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include <spillway/core/result.h>

namespace spillway::log {

enum class Format { kText, kJson };
enum class Level { kDebug, kInfo, kWarning, kError };

struct Field {
  Field(std::string_view k, std::string_view v) : key(k), value(v) {}
  Field(std::string_view k, const std::string& v) : key(k), value(v) {}
  Field(std::string_view k, const char* v) : key(k), value(v) {}
  Field(std::string_view k, std::int64_t v) : key(k), value(std::to_string(v)), number(true) {}
  Field(std::string_view k, int v) : Field(k, static_cast<std::int64_t>(v)) {}
  Field(std::string_view k, std::size_t v) : Field(k, static_cast<std::int64_t>(v)) {}
  std::string_view key;
  std::string value;
  bool number = false;
};
using Fields = std::initializer_list<Field>;

void configure(Format format, Level level);  // standard error; call once at start
Result<Format> parse_format(std::string_view text);
Result<Level> parse_level(std::string_view text);

void write(Level level, std::string_view message, Fields fields);
inline void debug(std::string_view message, Fields fields = {}) {
  write(Level::kDebug, message, fields);
}
inline void info(std::string_view message, Fields fields = {}) {
  write(Level::kInfo, message, fields);
}
inline void warning(std::string_view message, Fields fields = {}) {
  write(Level::kWarning, message, fields);
}
inline void error(std::string_view message, Fields fields = {}) {
  write(Level::kError, message, fields);
}

}  // namespace spillway::log
