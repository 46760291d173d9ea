#pragma once
// Replicas that live and retry alone: which one, and which of its lives.

#include <spillway/core/strong.h>

namespace spillway {

// The completion index of a replica in the Job of its attempt, from 0; the same in every attempt.
using ReplicaIndex = StrongInt<struct ReplicaIndexTag>;
// How many pods the replica had before in the same attempt; 0 = none.
using RetryNumber = StrongInt<struct RetryNumberTag>;

}  // namespace spillway
