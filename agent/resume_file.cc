#include "resume_file.h"

#include <charconv>
#include <filesystem>
#include <fstream>

#include <spillway/api/agent_protocol.h>
#include <spillway/core/text.h>

namespace spillway::agent {
namespace {

namespace fs = std::filesystem;
namespace variables = api::agent::environment;

fs::path path_in(const std::string& directory) {
  return fs::path(directory) / api::agent::kResumeFile;
}

}  // namespace

Result<void> remove_resume_file(const std::string& directory) {
  std::error_code error;
  fs::remove(path_in(directory), error);
  if (!error) return {};
  return fail(ErrorCode::kInternal,
              "removing " + path_in(directory).string() + ": " + error.message());
}

Result<void> write_resume_file(const std::string& directory, const storage::S3Uri& from,
                               storage::TrainingStep step, AttemptNumber written_by) {
  std::ofstream out(path_in(directory), std::ios::trunc);
  out << variables::kResumeFrom << '=' << to_string(from) << '\n'
      << variables::kResumeStep << '=' << step.value() << '\n'
      << variables::kResumeAttempt << '=' << written_by.value() << '\n';
  out.close();
  if (out) return {};
  return fail(ErrorCode::kInternal, path_in(directory).string() + " could not be written");
}

std::optional<storage::TrainingStep> resumed_step_in(const std::string& directory) {
  std::ifstream in(path_in(directory));
  const std::string name = std::string(variables::kResumeStep) + "=";
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with(name)) continue;
    std::int64_t step = 0;
    const char* begin = line.data() + name.size();
    const char* end = line.data() + line.size();
    const auto [stop, failed] = std::from_chars(begin, end, step);
    if (failed == std::errc() && stop == end && step >= 0) return storage::TrainingStep(step);
  }
  return std::nullopt;
}

}  // namespace spillway::agent
