#include "baselines.h"

#include <optional>

namespace spillway::regret {
namespace {

// The zone that a policy blind to price goes to.
class ZoneChoice {
 public:
  explicit ZoneChoice(ZoneRule rule) : rule_(rule) {}

  void see(const std::vector<ZoneView>& zones) {
    lives_.resize(zones.size());
    for (std::size_t z = 0; z < zones.size(); ++z) {
      if (!zones[z].available) continue;
      Life& life = lives_[z];
      if (*zones[z].available) life.running += 1;
      if (!*zones[z].available && life.running > 0) {
        life.ticks += life.running;
        life.windows += 1;
        life.running = 0;
      }
    }
  }

  // nullopt: no zone to be had.
  [[nodiscard]] std::optional<std::size_t> best(const TickView& view) const {
    if (view.place.is_spot()) return view.place.zone;
    std::optional<std::size_t> best;
    for (std::size_t z = 0; z < view.zones.size(); ++z) {
      if (!view.zones[z].may_launch) continue;
      if (!best || (rule_ == ZoneRule::kLongestLife && mean_life(z) > mean_life(*best))) best = z;
    }
    return best;
  }

 private:
  struct Life {
    double ticks = 0;
    double windows = 0;
    double running = 0;
  };
  [[nodiscard]] double mean_life(std::size_t z) const {
    return lives_[z].windows > 0 ? lives_[z].ticks / lives_[z].windows : lives_[z].running;
  }

  ZoneRule rule_;
  std::vector<Life> lives_;
};

class OnDemand final : public Policy {
 public:
  Place decide(const TickView& /*view*/) override { return Place::on_demand(); }
};

class Greedy final : public Policy {
 public:
  explicit Greedy(ZoneRule rule) : zones_(rule) {}
  void see_history(const std::vector<ZoneView>& zones) override { zones_.see(zones); }
  void see(const TickView& view) override { zones_.see(view.zones); }
  Place decide(const TickView& view) override {
    const auto zone = zones_.best(view);
    return zone ? Place::spot(*zone) : Place::idle();
  }

 private:
  ZoneChoice zones_;
};

class UniformProgress final : public Policy {
 public:
  UniformProgress(const JobTerms& job, ZoneRule rule) : job_(job), zones_(rule) {}
  void see_history(const std::vector<ZoneView>& zones) override { zones_.see(zones); }
  void see(const TickView& view) override { zones_.see(view.zones); }

  Place decide(const TickView& view) override {
    const auto zone = zones_.best(view);
    Place request = zone ? Place::spot(*zone) : Place::idle();
    if (!zone && is_behind(view, view.elapsed)) request = Place::on_demand();
    const bool is_on_demand = view.place == Place::on_demand();
    if (is_on_demand && (!zone || is_behind(view, view.elapsed + 2 * job_.changeover)))
      request = Place::on_demand();
    return request;
  }

 private:
  // Is less done than the line asks for at `elapsed`? In whole numbers, so that equality is
  // equality.
  [[nodiscard]] bool is_behind(const TickView& view, Seconds elapsed) const {
    return (job_.work - view.work_left) * job_.deadline < elapsed * job_.work;
  }

  JobTerms job_;
  ZoneChoice zones_;
};

}  // namespace

std::unique_ptr<Policy> make_on_demand() {
  return std::make_unique<OnDemand>();
}
std::unique_ptr<Policy> make_greedy(ZoneRule rule) {
  return std::make_unique<Greedy>(rule);
}
std::unique_ptr<Policy> make_uniform_progress(const JobTerms& job, ZoneRule rule) {
  return std::make_unique<UniformProgress>(job, rule);
}

}  // namespace spillway::regret
