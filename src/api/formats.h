#pragma once
// The forms of text that fields carry. A form is told three times over from one line: as a regular
// expression for the API server (RE2, no backslashes, so that it stands unescaped in CEL), as a
// predicate for C++, and as the sentence that both answer with. A property test holds pattern and
// predicate together.

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace spillway::api {

struct TextFormat {
  std::string_view pattern;
  std::string_view message;  // what to write instead
  std::size_t max_length = 0;
  bool (*holds)(std::string_view) = nullptr;
  std::string_view extra_cel = {};  // a further condition on `self`, after the pattern
  std::string_view openapi_format =
      {};  // stands for the pattern where the API server has a format of its own
};

bool is_label_value(std::string_view text);
bool is_workload_name(std::string_view text);
bool is_pool_name(std::string_view text);
bool is_resource_name(std::string_view text);
bool is_port_name(std::string_view text);
bool is_amount(std::string_view text);
bool is_signed_amount(std::string_view text);
bool is_duration_text(std::string_view text);
bool is_positive_duration_text(std::string_view text);
bool is_checkpoint_interval_text(std::string_view text);
bool is_up_to_an_hour_text(std::string_view text);
bool is_positive_up_to_an_hour_text(std::string_view text);
bool is_instant_text(std::string_view text);
bool is_absolute_path(std::string_view text);
bool is_time_zone_text(std::string_view text);
bool is_weekdays_text(std::string_view text);
bool is_time_of_day_text(std::string_view text);
bool is_date_text(std::string_view text);
// "50%" -> 50; false when it is not a share from 0% to 100%.
bool parse_percent(std::string_view text, std::int32_t& percent);
bool is_condition_type(std::string_view text);
bool is_condition_reason(std::string_view text);

// Names of models, regions, teams: they become label values.
inline constexpr TextFormat kLabelValue{
    .pattern = "^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$",
    .message =
        "write at most 63 letters, digits, '-', '_' and '.', starting and ending with a letter or "
        "digit",
    .max_length = 63,
    .holds = is_label_value};
inline constexpr TextFormat kWorkloadName{
    .pattern = "^[a-z]([-a-z0-9]{0,38}[a-z0-9])?$",
    .message =
        "write a name of at most 40 lower-case letters, digits and '-' that starts with a letter: "
        "the Service and "
        "the pods are named after it",
    .max_length = 40,
    .holds = is_workload_name};
inline constexpr TextFormat kPoolName{.pattern = "^[a-z0-9]([-a-z0-9.]{0,61}[a-z0-9])?$",
                                      .message =
                                          "write a name of at most 63 lower-case letters, digits, "
                                          "'-' and '.': it becomes a label value",
                                      .max_length = 63,
                                      .holds = is_pool_name};
inline constexpr TextFormat kResourceName{
    .pattern =
        "^[a-z0-9]([-a-z0-9.]{0,100}[a-z0-9])?/[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$",
    .message =
        "write the extended resource that the device plugin offers, such as \"nvidia.com/gpu\"",
    .max_length = 166,
    .holds = is_resource_name};
inline constexpr TextFormat kPortName{.pattern = "^([a-z0-9]+-)*[a-z0-9]+$",
                                      .message =
                                          "write a port number from 1 to 65535, or the name of a "
                                          "container's port: at most 15 lower-case letters, "
                                          "digits and '-'",
                                      .max_length = 15,
                                      .holds = is_port_name};
inline constexpr TextFormat kAmount{.pattern = "^[0-9]{1,9}([.][0-9]{1,6})?$",
                                    .message =
                                        "write US dollars as a plain decimal with at most six "
                                        "digits after the point, in quotes, such as \"3.06\"",
                                    .max_length = 16,
                                    .holds = is_amount};
// Sums that the operator wrote; "saved" may be below zero.
inline constexpr TextFormat kSignedAmount{
    .pattern = "^-?[0-9]{1,12}([.][0-9]{1,6})?$",
    .message = "write US dollars as a plain decimal such as \"3.06\" or \"-0.50\"",
    .max_length = 20,
    .holds = is_signed_amount};
inline constexpr std::string_view kDurationPattern =
    "^(0|([0-9]{1,5}([.][0-9]{1,3})?(h|m|s|ms))+)$";
inline constexpr TextFormat kDuration{
    .pattern = kDurationPattern,
    .message = "write hours, minutes and seconds such as \"1h30m\" or \"45s\"",
    .max_length = 32,
    .holds = is_duration_text};
inline constexpr TextFormat kPositiveDuration{
    .pattern = kDurationPattern,
    .message = "write hours, minutes and seconds above zero such as \"1h30m\" or \"45s\"",
    .max_length = 32,
    .holds = is_positive_duration_text,
    .extra_cel = "duration(self) > duration('0s')"};
inline constexpr TextFormat kCheckpointInterval{
    .pattern = kDurationPattern,
    .message = "write a duration from 10s to 24h such as \"30m\"",
    .max_length = 32,
    .holds = is_checkpoint_interval_text,
    .extra_cel = "duration(self) >= duration('10s') && duration(self) <= duration('24h')"};
inline constexpr TextFormat kGrace{.pattern = kDurationPattern,
                                   .message = "write a duration of at most 1h such as \"30s\"",
                                   .max_length = 32,
                                   .holds = is_up_to_an_hour_text,
                                   .extra_cel = "duration(self) <= duration('1h')"};
inline constexpr TextFormat kSaveTimeout{
    .pattern = kDurationPattern,
    .message = "write a duration above zero and at most 1h such as \"10m\"",
    .max_length = 32,
    .holds = is_positive_up_to_an_hour_text,
    .extra_cel = "duration(self) > duration('0s') && duration(self) <= duration('1h')"};
inline constexpr TextFormat kAbsolutePath{
    .pattern = "^(/[A-Za-z0-9._-]{1,64}){1,8}$",
    .message =
        "write an absolute path of letters, digits, '.', '_' and '-', without a slash at the end, "
        "such as \"/checkpoints\"",
    .max_length = 520,
    .holds = is_absolute_path};
inline constexpr TextFormat kInstant{
    .pattern =
        "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-5][0-9]([.][0-9]{1,9})?"
        "(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$",
    .message = "write a time with its zone, such as \"2026-11-21T09:00:00Z\"",
    .max_length = 35,
    .holds = is_instant_text,
    .extra_cel = "!format.datetime().validate(self).hasValue()",
    .openapi_format = "date-time"};
// Only the form: which zones there are, the time zone database says (schedule_fields.h).
inline constexpr TextFormat kTimeZone{
    .pattern = "^[A-Za-z][-A-Za-z0-9_+]{0,31}(/[A-Za-z0-9][-A-Za-z0-9_+]{0,31}){0,2}$",
    .message = "write an IANA name such as Europe/Berlin",
    .max_length = 64,
    .holds = is_time_zone_text};
// Longer than any good text: a slip such as "Mon-Thursday" gets the sentence, not a count of bytes.
inline constexpr std::size_t kSentenceRoom = 32;
inline constexpr TextFormat kWeekdays{
    .pattern = "^(Mon|Tue|Wed|Thu|Fri|Sat|Sun)(-(Mon|Tue|Wed|Thu|Fri|Sat|Sun))?$",
    .message = "write Mon, Tue, Wed, Thu, Fri, Sat, Sun or a span of them such as Mon-Fri",
    .max_length = kSentenceRoom,
    .holds = is_weekdays_text};
inline constexpr TextFormat kTimeOfDay{
    .pattern = "^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$",
    .message = "write hours and minutes from 00:00 to 24:00 in quotes, such as \"08:00\"",
    .max_length = kSentenceRoom,
    .holds = is_time_of_day_text};
inline constexpr TextFormat kDate{.pattern = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
                                  .message = "write a date of the calendar such as \"2026-12-24\"",
                                  .max_length = kSentenceRoom,
                                  .holds = is_date_text,
                                  .extra_cel = "!format.date().validate(self).hasValue()",
                                  .openapi_format = "date"};
// Integer or percentage: checked by rules of their own (x-kubernetes-int-or-string has no bounds).
inline constexpr std::string_view kPercentPattern = "^(100|[0-9]{1,2})%$";
inline constexpr std::string_view kIntOrPercentMessage =
    "write a number of pods from 0 up, or a percentage from \"0%\" to \"100%\"";
inline constexpr std::string_view kContainersMessage =
    "write at least one container under spec.containers of the template: it is what runs";
// metav1.Condition's own patterns.
inline constexpr TextFormat kConditionType{
    .pattern =
        "^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?"
        "(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$",
    .message = "write a CamelCase type",
    .max_length = 316,
    .holds = is_condition_type};
inline constexpr TextFormat kConditionReason{.pattern = "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$",
                                             .message = "write a CamelCase reason",
                                             .max_length = 1024,
                                             .holds = is_condition_reason};

}  // namespace spillway::api
