#pragma once
// What the pods of an attempt get so that their work is saved and found again: where checkpoints
// are, what to resume from, a token of the job's own, and in mode Agent two containers and a
// volume. Pure.

#include <nlohmann/json_fwd.hpp>

#include <spillway/api/training_job.h>
#include <spillway/control/stores.h>

namespace spillway::control {

struct CheckpointWiring {
  const StoreConfig* store = nullptr;  // never null
  AgentConfig agent;
};

// Adds all of it to the pod template of an attempt. Nothing that the template sets is overwritten.
void wire_checkpoints(nlohmann::json& pod_template, const api::TrainingJob& job,
                      const api::TrainingPlacement& placement, const CheckpointWiring& wiring);

// The Secret that the pods read their token from, named after the job's uid: a job of the same name
// that came before has another.
ObjectName token_secret_name(const Uid& job);
nlohmann::json token_secret(const api::TrainingJob& job, const Secret& token);
// The Secret with the authorities of a store that has its own (nothing in it is secret, but the
// operator may make Secrets). Another bundle has another name: later attempts trust the new one.
ObjectName authorities_name(const StoreConfig& store, const Uid& job);
nlohmann::json authorities_object(const api::TrainingJob& job, const StoreConfig& store);
// The same for the same key and job: nothing has to be read back.
Secret job_token(const Secret& key, const Uid& job);

// How many pods save a part of each checkpoint.
std::int64_t checkpoint_writers(const api::TrainingJob& job);

}  // namespace spillway::control
