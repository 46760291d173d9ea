#include <spillway/sim/replica.h>

#include <utility>

#include <spillway/core/check.h>

namespace spillway::sim {

Replica::Replica(ApiServer& leader, const Clock& clock)
    : random_(make_random(0)), server_(clock, *random_) {
  // Both made the same objects at their own making.
  SPILLWAY_CHECK(server_.store().version() >= leader.store().compacted());
  for (const Change& change : leader.store().history()) {
    if (change.version > server_.store().version()) server_.follow(change);
  }
  leader.listen([this](const Change& change) {
    if (frozen_)
      missed_.push_back(change);
    else
      server_.follow(change);
  });
}

void Replica::thaw() {
  frozen_ = false;
  for (const Change& change : std::exchange(missed_, {}))
    server_.follow(change);
}

}  // namespace spillway::sim
