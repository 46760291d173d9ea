#include <spillway/core/log.h>
#include <spillway/core/time.h>

#include <fmt/format.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>

namespace spillway::log {
namespace {

struct State {
  std::shared_ptr<spdlog::logger> logger = [] {
    auto made = spdlog::stderr_logger_mt("spillway");
    made->set_pattern("%v");
    return made;
  }();
  Format format = Format::kText;
};

State& state() {
  static State instance;
  return instance;
}

spdlog::level::level_enum level_of(Level level) {
  switch (level) {
    case Level::kDebug: return spdlog::level::debug;
    case Level::kInfo: return spdlog::level::info;
    case Level::kWarning: return spdlog::level::warn;
    case Level::kError: return spdlog::level::err;
  }
  return spdlog::level::err;
}

std::string_view name_of(Level level) {
  switch (level) {
    case Level::kDebug: return "DEBUG";
    case Level::kInfo: return "INFO";
    case Level::kWarning: return "WARN";
    case Level::kError: return "ERROR";
  }
  return "ERROR";
}

// JSON string escapes; text is assumed to be UTF-8, control characters are escaped so that a line
// stays a line.
void append_quoted(std::string& out, std::string_view text) {
  out += '"';
  for (char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
  out += '"';
}

std::string timestamp() {
  const auto now =
      std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
  std::string text = format_micro_time(now);
  text.erase(text.size() - 4, 3);  // milliseconds are enough
  return text;
}

std::string as_json(Level level, std::string_view message, Fields fields) {
  std::string line = "{\"time\":\"" + timestamp() + "\",\"level\":\"" +
                     std::string(name_of(level)) + "\",\"message\":";
  append_quoted(line, message);
  for (const Field& field : fields) {
    line += ',';
    append_quoted(line, field.key);
    line += ':';
    if (field.number) {
      line += field.value;
    } else {
      append_quoted(line, field.value);
    }
  }
  return line + "}";
}

std::string as_text(Level level, std::string_view message, Fields fields) {
  std::string line = fmt::format("{} {:<5} {}", timestamp(), name_of(level), message);
  for (const Field& field : fields) {
    line += ' ';
    line += field.key;
    line += '=';
    if (field.number) {
      line += field.value;
    } else {
      append_quoted(line, field.value);
    }
  }
  return line;
}

}  // namespace

void configure(Format format, Level level) {
  state().format = format;
  state().logger->set_level(level_of(level));
}

Result<Format> parse_format(std::string_view text) {
  if (text == "text") return Format::kText;
  if (text == "json") return Format::kJson;
  return invalid("'" + std::string(text) + "' is not a log format: write \"text\" or \"json\"");
}

Result<Level> parse_level(std::string_view text) {
  if (text == "debug") return Level::kDebug;
  if (text == "info") return Level::kInfo;
  if (text == "warn" || text == "warning") return Level::kWarning;
  if (text == "error") return Level::kError;
  return invalid("'" + std::string(text) +
                 "' is not a log level: write \"debug\", \"info\", \"warn\" or \"error\"");
}

void write(Level level, std::string_view message, Fields fields) {
  State& current = state();
  if (!current.logger->should_log(level_of(level))) return;
  const bool json = current.format == Format::kJson;
  current.logger->log(level_of(level),
                      json ? as_json(level, message, fields) : as_text(level, message, fields));
}

}  // namespace spillway::log
