#pragma once
// Who is to leave the capacity that it runs on, and whether it may yet: from notices, lost nodes
// and decisions to a step of the interruption machine (checkpointing.h).

#include <optional>

#include "pass.h"

namespace spillway::plan {

// The attempt has children that can be asked or ended.
bool is_alive(const TrainingWorkload& workload);

// One of its replicas is on a node that is confirmed gone. Replicas that retry alone are no loss of
// the attempt.
bool lost_a_node(const Snapshot& snapshot, const TrainingWorkload& workload);

// What the surroundings want of the attempt: to leave at a notice, or, at a hint or when it should
// be done before the notice runs out, to save and go on. Replicas that retry alone leave alone
// (control/replica_saves.h).
std::optional<Leave> notice_for(const Pass& pass, const Job& job);

// When a notice that the attempt should be done before makes it leave after all: it was not done.
std::optional<Instant> obeys_notice_at(const Pass& pass, const Job& job);

// The displacement or move that is under way: recorded, and not settled yet.
bool is_being_displaced(const TrainingWorkload& workload);

// A notice for the attempt is on record: when a replica is lost then, it is known why, also to an
// operator that was away when it happened.
bool was_being_taken(const TrainingWorkload& workload);

// Asks the machine about an attempt that is to leave. Without checkpoints, or without an attempt,
// there is nothing to ask: it may go.
void ask_to_leave(const Pass& pass, Job& job, const Leave& leave);

// A request whose reason went away.
void cancel_what_is_not_wanted(const Pass& pass, Job& job);

// Unexplained restarts in a row without a newer checkpoint, the attempt that ends now included.
std::int64_t restarts_without_progress(const Job& job);

// Everything of the decision that has to do with checkpoints.
void report_checkpointing(const Pass& pass, const Job& job, TrainingDecision& decision);

// When time alone changes any of it.
void consider_checkpointing(Pass& pass, const Job& job);

}  // namespace spillway::plan
