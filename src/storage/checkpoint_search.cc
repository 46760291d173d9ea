#include <spillway/storage/checkpoint_search.h>

#include <algorithm>

#include <spillway/core/text.h>

#include "parallel.h"

namespace spillway::storage {
namespace {

constexpr int kParallelReads = 8;
constexpr std::string_view kAttemptMarker = "ATTEMPT";

struct Question {
  CheckpointFormat format;
  Expectation expectation;
  SearchLimits limits;
};

Judgement open_verdict(const Candidate& candidate, std::string reason) {
  return {.validity = Validity::kUnknown,
          .reason = std::move(reason),
          .step = candidate.step,
          .attempt = candidate.attempt,
          .retry = candidate.retry,
          .files = static_cast<std::int64_t>(candidate.files.size())};
}

Key absolute(const Candidate& candidate, const Key& relative) {
  constexpr std::string_view kUp = "../";
  std::string_view folder = candidate.folder.str();
  std::string_view name = relative.str();
  if (name.starts_with(kUp)) {
    folder.remove_suffix(1);
    folder = folder.substr(0, folder.rfind('/') + 1);
    name.remove_prefix(kUp.size());
  }
  return Key(std::string(folder) + std::string(name));
}

// Reads are answers, whatever comes of them: an error is one, too.
Task<Result<void>> read_one(ObjectStore* store, const Candidate* candidate, ReadRequest request,
                            ReadAnswer* into) {
  into->request = request;
  into->bytes = std::string();
  if (request.max_bytes > 0) {
    const ByteRange head{.first = 0, .length = request.max_bytes};
    auto data = co_await store->get(absolute(*candidate, request.key), head, request.max_bytes);
    if (data) {
      into->bytes = std::move(data->bytes);
    } else {
      into->bytes = fail(std::move(data).error());
    }
  }
  co_return Result<void>();
}

Task<FoundCheckpoint> examine(Runtime runtime, ObjectStore* store, Candidate candidate,
                              Question question) {
  std::vector<ReadAnswer> answers;
  while (true) {
    const auto wanted = wanted_reads(question.format, candidate, answers);
    if (wanted.empty()) break;
    if (answers.size() + wanted.size() > question.limits.max_reads) {
      auto verdict =
          open_verdict(candidate, "its verdict needs more than " +
                                      std::to_string(question.limits.max_reads) + " reads");
      co_return FoundCheckpoint{std::move(candidate), std::move(verdict)};
    }
    const std::size_t first = answers.size();
    answers.resize(first + wanted.size());
    std::function<Task<Result<void>>(std::size_t)> item = [&, first](std::size_t i) {
      return read_one(store, &candidate, wanted[i], &answers[first + i]);
    };
    co_await for_each_parallel(runtime, wanted.size(), kParallelReads, std::move(item));
  }
  Judgement judgement = judge(question.format, candidate, answers, question.expectation);
  co_return FoundCheckpoint{std::move(candidate), std::move(judgement)};
}

Task<Result<std::vector<Candidate>>> candidates_below(ObjectStore* store, Key prefix,
                                                      std::size_t max_objects) {
  ListRequest request{.prefix = prefix, .max_entries = max_objects};
  TRY_CO(listing, co_await store->list(std::move(request)));
  co_return find_candidates(prefix, listing.objects);
}

}  // namespace

bool SearchResult::uncertain() const {
  return std::any_of(passed_over.begin(), passed_over.end(), [](const FoundCheckpoint& found) {
    return found.judgement.validity == Validity::kUnknown;
  });
}

Task<Result<SearchResult>> find_newest_valid(const Runtime& runtime, ObjectStore& store,
                                             Key job_prefix, CheckpointFormat format,
                                             Expectation expectation, SearchLimits limits) {
  TRY_CO(candidates, co_await candidates_below(&store, std::move(job_prefix), limits.max_objects));
  const Question question{format, std::move(expectation), limits};
  SearchResult result;
  for (Candidate& candidate : candidates) {
    if (result.passed_over.size() >= limits.max_candidates) {
      auto verdict = open_verdict(candidate, "too many newer folders are not valid");
      result.passed_over.push_back({std::move(candidate), std::move(verdict)});
      break;
    }
    FoundCheckpoint found = co_await examine(runtime, &store, std::move(candidate), question);
    if (found.judgement.validity == Validity::kValid) {
      result.newest = std::move(found);
      break;
    }
    result.passed_over.push_back(std::move(found));
  }
  co_return result;
}

Task<FoundCheckpoint> verify_checkpoint(const Runtime& runtime, ObjectStore& store, Key job_prefix,
                                        Key folder, CheckpointFormat format,
                                        Expectation expectation, SearchLimits limits) {
  // From the folder's parent on, because a marker may lie beside it.
  std::string_view parent = folder.str();
  if (parent.ends_with('/')) parent.remove_suffix(1);
  Candidate none{.folder = folder};
  if (!folder.str().starts_with(job_prefix.str()) || folder == job_prefix) {
    auto verdict = open_verdict(none, folder.str() + " is not below " + job_prefix.str());
    co_return FoundCheckpoint{std::move(none), std::move(verdict)};
  }
  ListRequest inside{.prefix = folder, .max_entries = limits.max_objects};
  auto listing = co_await store.list(std::move(inside));
  if (!listing) {
    auto verdict = open_verdict(none, listing.error().message);
    co_return FoundCheckpoint{std::move(none), std::move(verdict)};
  }
  if (format == CheckpointFormat::kDeepSpeed) {
    const Key latest(std::string(parent.substr(0, parent.rfind('/') + 1)) + "latest");
    auto beside = co_await store.head(latest);
    if (beside) {
      listing->objects.push_back(*std::move(beside));
    } else if (beside.error().code != ErrorCode::kNotFound) {
      auto verdict = open_verdict(none, beside.error().message);
      co_return FoundCheckpoint{std::move(none), std::move(verdict)};
    }
  }
  for (Candidate& candidate : find_candidates(job_prefix, listing->objects)) {
    if (candidate.folder != folder) continue;
    const Question question{format, std::move(expectation), limits};
    co_return co_await examine(runtime, &store, std::move(candidate), question);
  }
  Judgement verdict = open_verdict(none, "there is no checkpoint at " + folder.str());
  verdict.validity = Validity::kInvalid;
  co_return FoundCheckpoint{std::move(none), std::move(verdict)};
}

namespace {

// The highest number above `than` that the folders below the prefix have in their names.
template <class Number, class Parse>
Task<Result<std::optional<Number>>> highest_above(ObjectStore* store, Key prefix,
                                                  std::string_view begins, Number than,
                                                  Parse parse) {
  ListRequest request{.prefix = Key(prefix.str() + std::string(begins)), .delimiter = "/"};
  TRY_CO(listing, co_await store->list(std::move(request)));
  std::optional<Number> highest;
  for (const Key& folder : listing.folders) {
    std::string_view name = folder.str();
    name.remove_prefix(prefix.str().size());
    name.remove_suffix(1);
    const std::optional<Number> number = parse(name);
    if (number && *number > than) highest = std::max(highest.value_or(*number), *number);
  }
  co_return highest;
}

}  // namespace

Task<Result<std::optional<AttemptNumber>>> successor_of(ObjectStore& store, Key job_prefix,
                                                        AttemptNumber attempt) {
  // Attempts of four digits are listed in their order; the few beyond are compared as numbers.
  return highest_above(&store, std::move(job_prefix), "attempt-", attempt, &parse_attempt_folder);
}

Task<Result<std::optional<RetryNumber>>> later_retry_of(ObjectStore& store, Key attempt_prefix,
                                                        RetryNumber retry) {
  return highest_above(&store, std::move(attempt_prefix), "retry-", retry, &parse_retry_folder);
}

Task<Result<void>> announce(ObjectStore& store, Key writer_prefix) {
  const Key key(writer_prefix.str() + std::string(kAttemptMarker));
  std::string bytes = "has begun\n";
  TRY_CO(tag, co_await store.put(key, std::move(bytes), WriteCondition::kIfAbsent));
  co_return Result<void>();
}

std::vector<Candidate> prunable(const std::vector<FoundCheckpoint>& valid_newest_first, int keep,
                                const std::optional<Key>& in_use) {
  const auto kept = static_cast<std::size_t>(std::max(keep, 2));
  std::vector<Candidate> removable;
  for (std::size_t i = kept; i < valid_newest_first.size(); ++i) {
    const Candidate& candidate = valid_newest_first[i].candidate;
    if (in_use && candidate.folder == *in_use) continue;
    removable.push_back(candidate);
  }
  return removable;
}

Task<Result<void>> remove_checkpoint(ObjectStore& store, CheckpointFormat format,
                                     Candidate candidate) {
  for (Key& key : removal_order(format, candidate)) {
    TRY_VOID_CO(co_await store.remove(std::move(key)));
  }
  co_return Result<void>();
}

Task<Result<std::vector<FoundCheckpoint>>> list_valid(const Runtime& runtime, ObjectStore& store,
                                                      Key job_prefix, CheckpointFormat format,
                                                      Expectation expectation,
                                                      SearchLimits limits) {
  TRY_CO(candidates, co_await candidates_below(&store, std::move(job_prefix), limits.max_objects));
  const Question question{format, std::move(expectation), limits};
  std::vector<FoundCheckpoint> valid;
  for (Candidate& candidate : candidates) {
    FoundCheckpoint found = co_await examine(runtime, &store, std::move(candidate), question);
    if (found.judgement.validity == Validity::kValid) valid.push_back(std::move(found));
  }
  co_return valid;
}

}  // namespace spillway::storage
