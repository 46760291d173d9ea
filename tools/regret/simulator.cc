#include "simulator.h"

#include <algorithm>
#include <cmath>

#include "statistics.h"

namespace spillway::regret {
namespace {

Seconds rounded_up(Seconds time, Seconds tick) {
  return (time + tick - 1) / tick * tick;
}

constexpr double kWeekSeconds = 7 * 24 * 3600;

// By tick, from the seed and the start of the window: every policy meets the same outages. A whole
// tick lies between two, else they would be one that is longer than said.
std::vector<std::uint8_t> outages_of(const OnDemandOutages& rules, const Window& window,
                                     std::size_t ticks) {
  std::vector<std::uint8_t> is_out(ticks, 0);
  if (rules.per_week <= 0) return is_out;
  RandomNumbers random(rules.seed ^ (window.start * 0x9e3779b97f4a7c15ULL));
  const auto tick = static_cast<double>(window.market->tick);
  const double mean_pause = kWeekSeconds / rules.per_week;
  double at = 0;
  while (at < static_cast<double>(ticks) * tick) {
    const double share = (static_cast<double>(random.next() >> 11) + 1) * 0x1p-53;  // (0, 1]
    const double from = at + 2 * tick - std::log(share) * mean_pause;
    at = from + static_cast<double>(rules.length);
    for (auto t = static_cast<std::size_t>(from / tick);
         t < ticks && static_cast<double>(t) * tick < at; ++t)
      is_out[t] = 1;
  }
  return is_out;
}

class Run {
 public:
  Run(const Window& window, const JobTerms& job, const SimulationRules& rules, Policy& policy)
      : window_(window),
        job_(job),
        rules_(rules),
        policy_(policy),
        tick_(window.market->tick),
        outages_(outages_of(rules.outages, window, ticks_until_deadline(job, tick_))),
        not_before_(window.market->zones.size(), 0) {
    view_.zones.resize(window.market->zones.size());
    view_.work_left = job.work;
  }

  Outcome run() {
    show_history();
    const std::size_t ticks = ticks_until_deadline(job_, tick_);
    for (std::size_t t = 0; t < ticks && view_.work_left > 0; ++t) {
      look(t);
      place(request());
    }
    outcome_.missed = view_.work_left > 0;
    return outcome_;
  }

 private:
  void show_history() {
    if (rules_.sight != Sight::kAll) return;
    std::vector<ZoneView> zones(view_.zones.size());
    for (std::size_t t = window_.start - window_.history; t < window_.start; ++t) {
      for (std::size_t z = 0; z < zones.size(); ++z) {
        const ZoneSeries& series = window_.market->zones[z];
        zones[z] = {.available = series.available[t] != 0,
                    .may_launch = series.available[t] != 0,
                    .price = series.price[t]};
      }
      policy_.see_history(zones);
    }
  }

  void look(std::size_t t) {
    view_.tick = t;
    view_.on_demand_available = true;
    view_.elapsed = static_cast<Seconds>(t) * tick_;
    view_.time_left = job_.deadline - view_.elapsed;
    for (std::size_t z = 0; z < view_.zones.size(); ++z) {
      ZoneView& zone = view_.zones[z];
      zone.price = window_.price(z, t);
      const bool is_up = window_.available(z, t) != 0;
      const bool is_seen = rules_.sight == Sight::kAll || view_.place == Place::spot(z);
      zone.available = is_seen ? std::optional(is_up) : std::nullopt;
      zone.may_launch = is_seen ? is_up : view_.elapsed >= not_before_[z];
      if (is_seen && !is_up) not_before_[z] = view_.elapsed + rules_.launch_spacing;
    }
    if (view_.place.is_spot() && window_.available(view_.place.zone, t) == 0)
      view_.place = Place::idle();
    policy_.see(view_);
  }

  // What the policy asks for, after launches that failed and the net.
  Place request() {
    for (;;) {
      Place asked = policy_.decide(view_);
      if (asked.is_spot() && !view_.zones[asked.zone].may_launch) asked = Place::idle();
      Place granted = rules_.safety_net ? safety_net(view_, job_, tick_, asked) : asked;
      if (granted != asked && !net_is_acting_) ++outcome_.net_interventions;
      net_is_acting_ = granted != asked;
      if (is_launch_of_on_demand(granted)) {
        if (view_.on_demand_available && outages_[view_.tick] != 0) {
          ++outcome_.failed_on_demand;
          view_.on_demand_available = false;
          continue;
        }
        // It failed in this tick: what else the policy asks for, or what is held.
        if (!view_.on_demand_available)
          granted = is_launch_of_on_demand(asked) ? view_.place : asked;
      }
      if (!granted.is_spot() || granted == view_.place ||
          window_.available(granted.zone, view_.tick) != 0)
        return granted;
      ++outcome_.failed_launches;
      not_before_[granted.zone] = view_.elapsed + rules_.launch_spacing;
      view_.zones[granted.zone].available = false;
      view_.zones[granted.zone].may_launch = false;
      policy_.see_failed_launch(view_, granted.zone);
    }
  }

  [[nodiscard]] bool is_launch_of_on_demand(const Place& next) const {
    return next == Place::on_demand() && view_.place != Place::on_demand();
  }

  void place(Place next) {
    if (next != view_.place && next != Place::idle()) {
      ++outcome_.switches;
      if (view_.place != Place::idle()) ++outcome_.moves;
      view_.changeover_left = job_.changeover;
    }
    view_.place = next;
    if (next == Place::idle()) {
      view_.changeover_left = 0;
      return;
    }
    const Seconds done =
        std::min(view_.work_left, std::max<Seconds>(tick_ - view_.changeover_left, 0));
    view_.work_left -= done;
    (next.is_spot() ? outcome_.spot_work : outcome_.on_demand_work) += done;
    view_.changeover_left = std::max<Seconds>(view_.changeover_left - tick_, 0);
    const double hours = static_cast<double>(tick_) / 3600.0;
    if (next.is_spot()) {
      outcome_.cost += window_.price(next.zone, view_.tick) * hours;
      outcome_.spot_time += tick_;
    } else {
      outcome_.cost += window_.market->on_demand_price * hours;
      outcome_.on_demand_time += tick_;
    }
  }

  const Window& window_;
  const JobTerms& job_;
  const SimulationRules& rules_;
  Policy& policy_;
  Seconds tick_;
  std::vector<std::uint8_t> outages_;  // of on-demand, by tick
  std::vector<Seconds> not_before_;    // Sight::kLaunches: when a zone may be tried again
  TickView view_;
  Outcome outcome_;
  bool net_is_acting_ = false;
};

}  // namespace

Place safety_net(const TickView& view, const JobTerms& job, Seconds tick, Place request) {
  const Seconds left = view.time_left / tick * tick;
  const Seconds to_start_now = rounded_up(view.work_left + job.changeover, tick);
  const Seconds to_start_twice = rounded_up(view.work_left + 2 * job.changeover, tick);
  const bool is_entry = request.is_spot() && request != view.place;
  if (to_start_twice >= left && (!view.place.is_spot() || is_entry)) {
    request = view.place.is_spot() ? view.place : Place::on_demand();
  }
  if (to_start_now >= left) {
    request = view.place.is_spot() && view.changeover_left == 0 ? view.place : Place::on_demand();
  }
  if (to_start_now >= left && job.changeover == 0) {
    for (std::size_t z = 0; z < view.zones.size(); ++z) {
      if (view.zones[z].available == true)
        return view.place.is_spot() ? view.place : Place::spot(z);
    }
  }
  return request;
}

Outcome simulate(const Window& window, const JobTerms& job, const SimulationRules& rules,
                 Policy& policy) {
  return Run(window, job, rules, policy).run();
}

}  // namespace spillway::regret
