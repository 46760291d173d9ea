// Time windows of other tools, read into our schedules, overrides and edges, and the answers that
// their own tests expect: ../shared/data/schedule-cases.json (SPILLWAY_SHARED). Where our rules
// differ on purpose, the rule is named here and the row in docs/off-hours.md.

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include <nlohmann/json.hpp>

#include <spillway/plan/hours.h>

#include "support/cron.h"

namespace spillway::test {
namespace {

using nlohmann::json;
using std::chrono::minutes;

std::string text_of(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// What our model says, and, where the tool's own answer is another one, by which of our rules.
struct Answer {
  std::string says;
  std::string differs;  // empty: our rules have nothing to add
  std::optional<Instant> next;
};

std::string word(bool is_awake) {
  return is_awake ? "awake" : "asleep";
}

// The wall shows this hour for the second time.
bool is_repeated(const TimeZone& zone, Instant at) {
  return zone.first(zone.local(at)) != at;
}

// ---- py-kube-downscaler: windows

struct Element {
  std::optional<Schedule> schedule;
  Instant begin{};  // else an absolute window
  Instant end{};
  bool overnight = false;
  bool always = false;
  bool never = false;
};

Result<TimeOfDay> clock_time(const std::string& text) {
  return parse_time_of_day(text);
}

Result<Element> element_of(const std::string& text) {
  if (text == "always") return Element{.always = true};
  if (text == "never") return Element{.never = true};
  static const std::regex weekly(R"(([A-Za-z]+-[A-Za-z]+) (\d\d:\d\d)-(\d\d:\d\d) (\S+))");
  static const std::regex absolute(R"((\d{4}-.+?[Z0-9])-(\d{4}-\d\d-\d\dT.+))");
  std::smatch parts;
  if (std::regex_match(text, parts, weekly)) {
    TRY(days, parse_weekdays(parts[1].str()));
    TRY(from, clock_time(parts[2].str()));
    TRY(to, clock_time(parts[3].str()));
    Element element{.overnight = to < from};
    TRY(schedule,
        Schedule::make(
            {.time_zone = TimeZoneName(parts[4].str()),
             .awake = {{.days = {days}, .from = from, .to = to, .overnight = to < from}}}));
    element.schedule = std::move(schedule);
    return element;
  }
  if (std::regex_match(text, parts, absolute)) {
    TRY(begin, parse_instant(parts[1].str()));
    TRY(end, parse_instant(parts[2].str()));
    return Element{.begin = begin, .end = end};
  }
  return invalid("no window: " + text);
}

Result<std::vector<Element>> elements_of(const std::string& text) {
  std::vector<Element> elements;
  for (std::string_view part : split(text, ',')) {
    TRY(element, element_of(std::string(trim(part))));
    elements.push_back(std::move(element));
  }
  return elements;
}

bool contains(const Element& element, Instant at) {
  if (element.always || element.never) return element.always;
  if (element.schedule) return awake(*element.schedule, at);
  return element.begin <= at && at < element.end;
}

bool matches(const std::vector<Element>& elements, Instant at) {
  return std::any_of(elements.begin(), elements.end(),
                     [&](const Element& element) { return contains(element, at); });
}

std::string rule_for_windows(const std::vector<Element>& elements, Instant at) {
  for (const Element& element : elements) {
    if (element.overnight) return "a window may run past midnight";
    if (!element.schedule && !element.always && !element.never && at == element.end)
      return "windows are half-open";
    if (element.schedule && is_repeated(element.schedule->zone(), at))
      return "an hour that is shown twice does not interrupt a window";
    if (element.schedule &&
        element.schedule->zone().name().str().find_first_of("-+0123456789") != std::string::npos)
      return "every IANA name is a zone";
  }
  return "";
}

Answer downscaler_uptime(const std::string& spec, Instant at) {
  const auto elements = elements_of(spec);
  if (!elements) return {.says = "error"};
  return {.says = word(matches(*elements, at)), .differs = rule_for_windows(*elements, at)};
}

// ---- py-kube-downscaler: everything that it reads of an object

struct Settings {
  std::map<std::string, std::string> of_object, of_namespace, of_program;

  [[nodiscard]] std::string get(const std::string& key, const std::string& otherwise) const {
    for (const auto* where : {&of_object, &of_namespace, &of_program}) {
      if (const auto at = where->find(key); at != where->end()) return at->second;
    }
    return otherwise;
  }
};

Settings settings_of(const std::string& spec) {
  Settings settings;
  for (std::string_view clause : split(spec, ';')) {
    auto* where = &settings.of_program;
    for (const auto& [mark, map] : {std::pair("annotation ", &settings.of_object),
                                    std::pair("namespace ", &settings.of_namespace)}) {
      if (clause.starts_with(mark)) {
        clause.remove_prefix(std::string_view(mark).size());
        where = map;
      }
    }
    std::string all(clause);
    for (std::size_t plus = all.find(" + "); plus != std::string::npos; plus = all.find(" + ")) {
      const std::string first = all.substr(0, plus);
      (*where)[first.substr(0, first.find('='))] = first.substr(first.find('=') + 1);
      all = all.substr(plus + 3);
    }
    // "a=b=window" sets both.
    std::vector<std::string> keys;
    for (std::size_t equals = all.find('='); equals != std::string::npos; equals = all.find('=')) {
      std::string key = all.substr(0, equals);
      if (key.starts_with("downscaler/")) key = key.substr(11);
      keys.push_back(key);
      all = all.substr(equals + 1);
    }
    if (keys.empty()) (*where)[all == "forced_uptime" ? "force-uptime" : "force-downtime"] = "true";
    for (const std::string& key : keys)
      (*where)[key] = all;
  }
  return settings;
}

// A switch or a window: until when it holds, if it holds now.
std::optional<Instant> holds_until(const std::string& text, Instant at) {
  if (text == "true") return at + std::chrono::hours(24);
  const auto elements = elements_of(text);
  if (!elements || !matches(*elements, at)) return std::nullopt;
  return elements->front().schedule ? next_transition(*elements->front().schedule, at)
                                    : std::optional(elements->front().end);
}

Annotations overrides_of(const std::map<std::string, std::string>& given, Instant at) {
  Annotations annotations;
  for (const auto& [key, value] : given) {
    if (key == "exclude-until") {
      const std::string padded = value.size() == 16 ? value + ":00Z" : value;
      annotations[std::string(api::annotation::kWakeUntil)] = padded;
    }
    if (key != "force-uptime" && key != "force-downtime") continue;
    const auto until = holds_until(value, at);
    if (!until) continue;
    annotations[std::string(key == "force-uptime" ? api::annotation::kWakeUntil
                                                  : api::annotation::kSleepUntil)] =
        format_instant(*until);
  }
  return annotations;
}

Schedule constant(bool is_awake) {
  ScheduleSpec spec{.time_zone = TimeZoneName("UTC")};
  if (is_awake) spec.awake = {{.to = kEndOfDay}};
  return *Schedule::make(spec);
}

Answer downscaler_policy(const std::string& spec, Instant at) {
  const Settings settings = settings_of(spec);
  const auto up = elements_of(settings.get("upscale-period", "never"));
  const auto down = elements_of(settings.get("downscale-period", "never"));
  // An empty window is refused instead of never matching: the object stays as it is.
  if (!up || !down) return {.says = "unchanged"};
  const bool periods = !up->front().never || !down->front().never;
  bool base = false;
  if (periods) {
    const bool in_up = matches(*up, at);
    const bool in_down = matches(*down, at);
    if (in_up == in_down) return {.says = "unchanged"};
    base = in_up;
  } else {
    const auto uptime = elements_of(settings.get("uptime", "always"));
    const auto downtime = elements_of(settings.get("downtime", "never"));
    if (!uptime || !downtime) return {.says = "error"};
    base = matches(*uptime, at) && !matches(*downtime, at);
  }
  // Overrides by our own rules, over a policy that says what is left.
  Annotations of_object = overrides_of(settings.of_object, at);
  of_object.merge(overrides_of(settings.of_program, at));
  const Namespace ns("team");
  const plan::AwakeRules rules({{.name = ObjectName("policy"),
                                 .selector = {.namespaces = api::LabelSelector{}},
                                 .enforced = true,
                                 .schedule = constant(base)}},
                               {{ns, {.annotations = overrides_of(settings.of_namespace, at)}}});
  const plan::AwakeState state = rules.state({.ns = ns, .annotations = &of_object}, at);
  return {
      .says = word(state.awake),
      .differs = state.problem.empty() ? "" : "an override that cannot be read errs towards awake"};
}

// ---- kube-green and KEDA: pairs of cron expressions

std::string cron_of(const std::string& time, const std::string& weekdays, const std::string& zone) {
  if (time.empty()) return "";
  const std::size_t colon = time.find(':');
  const std::string prefix = zone.empty() ? "" : "CRON_TZ=" + zone + " ";
  return prefix + time.substr(colon + 1) + " " + time.substr(0, colon) + " * * " + weekdays;
}

std::string zone_in(const json& row) {
  const std::string zone = row["timezone"].get<std::string>();
  return zone.find("default") != std::string::npos || zone == "-" ? "" : zone;
}
TimeZoneName zone_or_utc(const json& row) {
  const std::string zone = zone_in(row);
  return TimeZoneName(zone.empty() ? "UTC" : zone);
}

// Between the edges of two crons: the later of the two last edges decides.
Answer between(const Cron& wake, const Cron& sleep, Instant at) {
  const auto woken = wake.last(at);
  const auto slept = sleep.last(at);
  Answer answer{.says = word(woken && (!slept || *woken > *slept))};
  const auto today = std::chrono::floor<std::chrono::days>(wake.zone().local(at));
  for (int i = -1; i <= 1; ++i) {
    const auto day = today + std::chrono::days(i);
    if (wake.skips_on(day) || sleep.skips_on(day))
      answer.differs = "an edge that clocks skip is the end of the gap";
  }
  return answer;
}

Answer keda_window(const json& row, Instant at) {
  const json& spec = row["window_spec"];
  const auto start = Cron::parse(spec["start"].get<std::string>(), zone_or_utc(row));
  const auto end = Cron::parse(spec["end"].get<std::string>(), zone_or_utc(row));
  if (!start || !end) return {.says = "error"};
  Answer answer = between(*start, *end, at);
  const auto begun = start->last(at);
  const auto ended = end->last(at);
  // It asks which edge comes next, and takes an end without a beginning for the end of a window.
  if (answer.differs.empty() && begun && ended && *ended > *begun)
    answer.differs = "what has ended stays ended until it begins again";
  return answer;
}

Answer keda_validate(const json& row) {
  const json& spec = row["window_spec"];
  for (const char* key : {"timezone", "start", "end", "desiredReplicas"}) {
    if (!spec.contains(key)) return {.says = "error"};
  }
  const TimeZoneName zone(spec["timezone"].get<std::string>());
  const bool good = Cron::parse(spec["start"].get<std::string>(), zone) &&
                    Cron::parse(spec["end"].get<std::string>(), zone) &&
                    spec["start"] != spec["end"];
  return {.says = good ? "valid" : "error"};
}

Answer green_state(const json& row, Instant at) {
  const json& spec = row["window_spec"];
  const std::string weekdays = spec["weekdays"].get<std::string>();
  const auto zone = zone_or_utc(row);
  const auto at_cron = [&](const char* key) {
    return Cron::parse(cron_of(spec.value(key, ""), weekdays, ""), zone);
  };
  const auto asleep_at = at_cron("sleepAt");
  const auto awake_at = at_cron("wakeUpAt");
  if (!asleep_at || !awake_at) return {.says = "error"};
  return between(*awake_at, *asleep_at, at);
}

Answer green_translate(const json& row) {
  const json& spec = row["window_spec"];
  const auto cron = [&](const char* key) {
    return cron_of(spec.value(key, ""), spec["weekdays"].get<std::string>(), zone_in(row));
  };
  const std::string sleep = cron("sleepAt");
  const std::string wake = cron("wakeUpAt");
  for (const std::string& text : {sleep, wake}) {
    if (!text.empty() && !Cron::parse(text, TimeZoneName("UTC"))) return {.says = "error"};
  }
  return {.says = json{{"sleep_cron", sleep}, {"wake_cron", wake}}.dump()};
}

// An engine of edges: acts within some seconds around one. Read as a level: it is to act when the
// present operation is what the latest edge asks for.
Answer green_edge(const json& row, Instant at) {
  const json& spec = row["window_spec"];
  const auto current = Cron::parse(spec["current_op_cron"].get<std::string>(), zone_or_utc(row));
  if (!current) return {.says = "error"};
  const auto next = Cron::parse(spec["next_op_cron"].get<std::string>(), zone_or_utc(row));
  if (!next) return {.says = "error"};
  const auto edge = current->last(at);
  const auto other = next->last(at);
  const bool alone = spec["current_op_cron"] == spec["next_op_cron"];
  const bool due = edge && (alone || !other || *edge > *other);
  Answer answer{.says = due ? "execute" : "skip", .next = (due ? *next : *current).next(at)};
  const auto tolerance = std::chrono::seconds(spec["sleep_delta_s"].get<int>());
  const auto coming = current->next(at);
  if (!due && coming && *coming - at <= tolerance) answer.differs = "nothing acts before its time";
  if (due && at - *edge >= tolerance) answer.differs = "nothing is too late to be done";
  return answer;
}

Answer cron_next(const json& row, Instant at) {
  const auto cron = Cron::parse(row["window_spec"].get<std::string>(), zone_or_utc(row));
  if (!cron) return {.says = "error"};
  const auto next = cron->next(at);
  Answer answer{.says = next ? format_instant(*next) : "never"};
  const auto today = std::chrono::floor<std::chrono::days>(cron->zone().local(next.value_or(at)));
  if (cron->skips_on(today)) answer.differs = "an edge that clocks skip is the end of the gap";
  const auto expected = parse_instant(row["expected"].get<std::string>());
  if (expected && is_repeated(cron->zone(), *expected))
    answer.differs = "an edge that clocks show twice is the first of the two";
  return answer;
}

// ---- snorlax

std::optional<TimeOfDay> twelve_hours(const std::string& text) {
  static const std::regex form(R"((\d{1,2}):(\d\d)(am|pm))");
  std::smatch parts;
  if (!std::regex_match(text, parts, form)) return std::nullopt;
  const int hour = std::stoi(parts[1].str()) % 12 + (parts[3].str() == "pm" ? 12 : 0);
  return TimeOfDay{std::chrono::hours(hour) + minutes(std::stoi(parts[2].str()))};
}

Answer snorlax_window(const json& row, Instant at) {
  const json& spec = row["window_spec"];
  const auto wake = twelve_hours(spec["wakeTime"].get<std::string>());
  const auto sleep = twelve_hours(spec["sleepTime"].get<std::string>());
  if (!wake || !sleep) return {.says = "error"};
  const auto schedule =
      Schedule::make({.time_zone = zone_or_utc(row),
                      .awake = {{.from = *wake, .to = *sleep, .overnight = *sleep < *wake}}});
  if (!schedule) return {.says = "error"};
  Answer answer{.says = word(awake(*schedule, at))};
  if (last_transition(*schedule, at) == at) answer.differs = "windows are half-open";
  return answer;
}

// ---- all of them

// Some rows hold at any time, some at the time at which their test runs.
Instant instant_of(const json& row) {
  const auto given = parse_instant([&] {
    std::string text = row["instant"].get<std::string>();
    static const std::regex offset(R"((.*[+-]\d\d)(\d\d))");
    std::smatch parts;
    return std::regex_match(text, parts, offset) ? parts[1].str() + ":" + parts[2].str() : text;
  }());
  return given ? *given : *parse_instant("2026-01-05T12:00:00Z");
}

std::optional<Answer> answer_of(const json& row) {
  const std::string tool = row["tool"].get<std::string>();
  const std::string role = row["role"].get<std::string>();
  const Instant at = instant_of(row);
  const auto spec = [&] { return row["window_spec"].get<std::string>(); };
  if (role == "uptime") return downscaler_uptime(spec(), at);
  if (role == "policy") return downscaler_policy(spec(), at);
  if (role == "edge") return green_edge(row, at);
  if (role == "translate") return green_translate(row);
  if (role == "state") return green_state(row, at);
  if (role == "next-fire") return cron_next(row, at);
  if (role == "validate") return keda_validate(row);
  if (role == "window") return tool == "snorlax" ? snorlax_window(row, at) : keda_window(row, at);
  return std::nullopt;
}

std::string expected_of(const json& row) {
  const json& expected = row["expected"];
  if (!expected.is_string()) return expected.dump();
  std::string text = expected.get<std::string>();
  if (text.starts_with("error")) return "error";
  if (text.starts_with("unchanged")) return "unchanged";
  if (row["role"] != "next-fire") return text;
  static const std::regex offset(R"((.*[+-]\d\d)(\d\d))");
  std::smatch parts;
  if (std::regex_match(text, parts, offset)) text = parts[1].str() + ":" + parts[2].str();
  const auto instant = parse_instant(text);
  return instant ? format_instant(*instant) : text;
}

bool agrees(const json& row, const Answer& answer) {
  if (answer.says != expected_of(row)) return false;
  if (!row.contains("next_event")) return true;
  const auto next = parse_instant(row["next_event"].get<std::string>());
  if (!next || !answer.next || *next != *answer.next) return false;
  const auto wait = std::chrono::duration<double>(*answer.next - instant_of(row)).count();
  return std::abs(wait - row["requeue_after_s"].get<double>()) < 0.0015;
}

// The rows that docs/off-hours.md lists as differing on purpose: "| S132, S134 | ...".
std::set<std::string> documented() {
  const std::string page = text_of(SPILLWAY_SOURCE_DIR "/docs/off-hours.md");
  std::set<std::string> ids;
  static const std::regex id(R"(\bS\d{3}\b)");
  for (auto at = std::sregex_iterator(page.begin(), page.end(), id); at != std::sregex_iterator();
       ++at)
    ids.insert(at->str());
  return ids;
}

TEST(ScheduleCases, are_answered_as_their_sources_do_or_differ_by_a_rule_that_is_documented) {
  const char* shared = std::getenv("SPILLWAY_SHARED");
  const std::filesystem::path folder =
      shared != nullptr ? shared : SPILLWAY_SOURCE_DIR "/../shared";
  const auto path = folder / "data/schedule-cases.json";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is not there";
  const json cases = json::parse(text_of(path)).at("cases");
  const std::set<std::string> listed = documented();
  std::set<std::string> ids;
  std::size_t differ = 0;
  for (const json& row : cases) {
    const std::string id = row["id"].get<std::string>();
    ids.insert(id);
    const auto answer = answer_of(row);
    ASSERT_TRUE(answer) << id << ": no reader for " << row["tool"] << " " << row["role"];
    const bool same = agrees(row, *answer);
    if (!same) {
      ++differ;
      std::cout << id << " differs: " << answer->says << " instead of " << expected_of(row)
                << ", because " << answer->differs << "\n";
      EXPECT_NE(answer->differs, "") << row.dump();
    }
    // A row that the page does not know comes from another set of cases.
    if (listed.contains(id)) EXPECT_FALSE(same) << id << " is listed as differing, and agrees";
  }
  const bool known_set = std::includes(ids.begin(), ids.end(), listed.begin(), listed.end());
  if (known_set) EXPECT_EQ(differ, listed.size()) << "docs/off-hours.md lists those that differ";
  EXPECT_GE(cases.size(), 20U);
  EXPECT_LT(differ * 5, cases.size()) << "differing is the exception";
}

}  // namespace
}  // namespace spillway::test
