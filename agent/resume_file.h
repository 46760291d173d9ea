#pragma once
// What a replica that retries alone was resumed from, in its directory: the program and `sync` read
// it there, because the environment of its pod was written for all replicas
// (api::agent::kResumeFile).

#include <optional>
#include <string>

#include <spillway/core/ids.h>
#include <spillway/core/result.h>
#include <spillway/storage/layout.h>
#include <spillway/storage/s3.h>

namespace spillway::agent {

// A file that an earlier pod left says nothing of this one.
Result<void> remove_resume_file(const std::string& directory);
Result<void> write_resume_file(const std::string& directory, const storage::S3Uri& from,
                               storage::TrainingStep step, AttemptNumber written_by);
// nullopt: there is none, or it does not tell.
std::optional<storage::TrainingStep> resumed_step_in(const std::string& directory);

}  // namespace spillway::agent
