// Stories of what a service promises to those who call it: capacity is taken, is not to be had, a
// new version is rolled out, and as many replicas serve as were asked for.

#include <algorithm>
#include <memory>

#include "checkpoint_stage.h"
#include "scenario_parts.h"

namespace spillway::sim {
namespace {

using nlohmann::json;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

std::vector<Object> pods_of_node(World& world, const std::string& node) {
  std::vector<Object> pods;
  for (const auto& [key, pod] : world.server().all(kube::kPods)) {
    if (pod->value("/spec/nodeName"_json_pointer, "") == node) pods.push_back(pod);
  }
  return pods;
}

// What a story saw on its way.
struct Seen {
  std::size_t least = 1'000;  // replicas that served
  std::size_t at_the_moment = 0;
  std::size_t left_behind = 0;  // pods that went with their node
};
using SeenOnTheWay = std::shared_ptr<Seen>;

// The least number of replicas that serve, every second until then.
void watch_serving(World& world, const SeenOnTheWay& seen, Instant until) {
  seen->least = std::min(seen->least, serving(world).size());
  if (world.time().now() >= until) return;
  world.time().after(seconds(1), [&world, seen, until] { watch_serving(world, seen, until); });
}

// The node of the first replica goes at minute 30, `notice` after a word of it, if there is one.
struct Departure {
  json pool;
  Duration notice;
  Duration looked_at;  // after the notice: Seen::at_the_moment
};
std::function<void(World&)> departure(const SeenOnTheWay& seen, const Departure& plan,
                                      bool with_a_word) {
  return [=](World& world) {
    *seen = {};
    world.submit(plan.pool);
    world.time().after(minutes(30), [=, &world] {
      watch_serving(world, seen, world.time().now() + hours(1));
      const auto pods = world.pods_on("spot-a");
      if (pods.empty()) return;  // the least that was seen to serve tells of it
      const std::string node = pods.front()->at("spec").at("nodeName");
      if (with_a_word) give_notice(world, node, plan.notice);
      world.time().after(plan.looked_at,
                         [=, &world] { seen->at_the_moment = serving(world).size(); });
      world.time().after(plan.notice, [=, &world] {
        seen->left_behind = pods_of_node(world, node).size();
        if (world.find(kube::kNodes, node)) world.nodes().remove_node(node);
      });
    });
  };
}

Problems on_spot_again(World& world, std::size_t replicas) {
  Problems problems;
  expect(problems, serving(world).size() == replicas,
         std::to_string(serving(world).size()) + " replicas serve instead of " +
             std::to_string(replicas));
  expect(problems, world.pods_on("on-demand").empty(), "on-demand was not handed back");
  return problems;
}
void expect_served(Problems& problems, const Seen& seen, std::size_t least) {
  expect(problems, seen.least >= least,
         "at times only " + std::to_string(seen.least) + " replicas served");
}

Scenario noticed_in_time() {
  const auto seen = std::make_shared<Seen>();
  return {
      .name = "a_replica_with_a_notice_serves_until_another_does",
      .prepare = usual_market,
      .script = departure(
          seen,
          {.pool = inference_pool({.replicas = 2, .spec = {{"capacity", {{"spotPercent", 100}}}}}),
           .notice = minutes(15),
           .looked_at = minutes(14)},
          true),
      .duration = hours(3),
      .in_steps = true,
      .expectations = [seen](World& world) {
        Problems problems = on_spot_again(world, 2);
        expect_served(problems, *seen, 2);
        expect(problems, seen->left_behind == 0, "replicas went with their node");
        return problems;
      }};
}

// A minute, of which 20 s are left for the node's own end and 20 s for the drain: the replica
// serves for 20 s, although nobody can take over in that time.
Scenario noticed_late() {
  const auto seen = std::make_shared<Seen>();
  const Departure plan{
      .pool = inference_pool(
          {.replicas = 1,
           .spec = {{"capacity", {{"spotPercent", 100}}},
                    {"disruption", {{"drainSeconds", 20}}},
                    {"template",
                     {{"metadata",
                       {{"annotations", {{"simulate.spillway.dev/stop-seconds", "20"}}}}}}}}}),
      .notice = seconds(60),
      .looked_at = seconds(18)};
  return {.name = "a_replica_drains_before_its_node_goes_although_nothing_serves_yet",
          .prepare = usual_market,
          .script = departure(seen, plan, true),
          .duration = hours(3),
          .in_steps = true,  // who hears late ends the replica at once, and its place is taken
          .expectations =
              [seen](World& world) {
                Problems problems = on_spot_again(world, 1);
                expect(problems, seen->at_the_moment == 1, "it ended while it had time to serve");
                expect(problems, seen->left_behind == 0, "replicas went with their node");
                return problems;
              },
          .unheard = Scenario::Unheard{
              .after = seconds(40),
              .script = departure(seen, plan, false),
              .expectations = [](World& world) { return on_spot_again(world, 1); }}};
}

void stock_out(World& world, bool out) {
  for (const char* pool : {"spot-a", "spot-b"})
    world.autoscaler().set_stocked_out(pool, out);
}

Scenario no_spot_for_an_hour() {
  const auto seen = std::make_shared<Seen>();
  return {.name = "on_demand_serves_while_spot_is_not_to_be_had",
          .prepare =
              [](World& world) {
                usual_market(world);
                stock_out(world, true);
              },
          .script =
              [seen](World& world) {
                *seen = {};
                world.submit(inference_pool(
                    {.replicas = 2, .spec = {{"capacity", {{"spotPercent", 100}}}}}));
                world.time().after(minutes(15), [seen, &world] {
                  watch_serving(world, seen, world.time().now() + hours(2));
                });
                world.time().after(minutes(50), [seen, &world] {
                  seen->at_the_moment = world.pods_on("on-demand").size();
                });
                world.time().after(minutes(60), [&world] { stock_out(world, false); });
              },
          .duration = hours(6),
          .expectations =
              [seen](World& world) {
                Problems problems = on_spot_again(world, 2);
                expect_served(problems, *seen, 2);
                expect(problems, seen->at_the_moment == 2, "on-demand did not stand in for spot");
                return problems;
              }};
}

Scenario rollout() {
  const auto seen = std::make_shared<Seen>();
  return {
      .name = "a_new_template_is_rolled_out_on_every_tier_and_each_keeps_its_share",
      .prepare =
          [](World& world) {
            usual_market(world);
            world.add_pool({.name = "own",
                            .tier = api::Tier::kReserved,
                            .max_nodes = 1,
                            .fixed = "12.00",
                            .provisioned = true});
          },
      .script =
          [seen](World& world) {
            *seen = {};
            world.submit(inference_pool(
                {.replicas = 4, .spec = {{"capacity", {{"baseline", 2}, {"spotPercent", 50}}}}}));
            world.time().after(minutes(30), [seen, &world] {
              watch_serving(world, seen, world.time().now() + hours(1));
              json pods = inference_pool({}).at("spec").at("template");
              pods["spec"]["containers"][0]["image"] = "program:2";
              world.patch(control::kInferencePools, "serve", {{"spec", {{"template", pods}}}});
            });
          },
      .duration = hours(3),
      .expectations =
          [seen](World& world) {
            Problems problems;
            expect_served(problems, *seen, 3);  // one makes room on what is owned
            for (const auto& [pool, replicas] :
                 {std::pair{"own", 2U}, {"on-demand", 1U}, {"spot-a", 1U}}) {
              const auto pods = world.pods_on(pool);
              expect(problems, pods.size() == replicas,
                     std::to_string(pods.size()) + " replicas on " + pool);
              for (const Object& pod : pods)
                expect_equal(problems, std::string("an image on ") + pool,
                             pod->at("/spec/containers/0/image"_json_pointer), "program:2");
            }
            return problems;
          }};
}

}  // namespace

std::vector<Scenario> serving_scenarios() {
  return {noticed_in_time(), noticed_late(), no_spot_for_an_hour(), rollout()};
}

}  // namespace spillway::sim
