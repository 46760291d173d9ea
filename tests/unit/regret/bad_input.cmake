# Every line of `cases` is a bad command line; "|" separates its words.
set(folder ${CMAKE_CURRENT_BINARY_DIR}/regret-bad-input)
file(MAKE_DIRECTORY ${folder})
string(REPEAT "0, 1, " 500 samples)
file(WRITE ${folder}/good.json "{\"metadata\": {\"gap_seconds\": 600}, \"data\": [${samples} 1]}")
file(WRITE ${folder}/hole.json "{\"metadata\": {\"gap_seconds\": 600}, \"data\": [1, null, 0]}")
file(WRITE ${folder}/inverted.json "{\"metadata\": {\"gap_seconds\": 600, \"encoding\": \"0=available\"}, \"data\": [1, 0]}")
file(WRITE ${folder}/negative.json "{\"metadata\": {\"gap_seconds\": 600}, \"data\": [1, -1, 0]}")
file(WRITE ${folder}/zeroes.json "{\"metadata\": {\"gap_seconds\": 600}, \"data\": [0, 0, 0]}")
file(WRITE ${folder}/words.json "{\"metadata\": {\"gap_seconds\": 600}, \"data\": [1, \"yes\", 0]}")
file(WRITE ${folder}/stepless.json "{\"metadata\": {}, \"data\": [1, 0]}")
file(WRITE ${folder}/list.json "[1, 0, 1]")
file(WRITE ${folder}/negative.csv "instance_type,az,timestamp_utc,usd_per_hour\nsmall,good,2020-01-01T00:00:00Z,-1\n")
file(WRITE ${folder}/headless.csv "small,good,2020-01-01T00:00:00Z,1\n")
file(WRITE ${folder}/prices.csv "instance_type,az,timestamp_utc,usd_per_hour\nsmall,elsewhere,2020-01-01T00:00:00Z,1\n")
set(cases
  "--availability|${folder}/none.json"
  "--availability|${folder}/hole.json"
  "--availability|${folder}/inverted.json"
  "--availability|${folder}/negative.json"
  "--availability|${folder}/zeroes.json"
  "--availability|${folder}/words.json"
  "--availability|${folder}/stepless.json"
  "--availability|${folder}/list.json"
  "--availability|${folder}"
  "--availability|${folder}/good.json|--prices|${folder}/prices.csv"
  "--availability|${folder}/good.json|--prices|${folder}/negative.csv"
  "--availability|${folder}/good.json|--prices|${folder}/headless.csv"
  "--availability|${folder}/good.json|--spot-price|-1"
  "--availability|${folder}/good.json|--multi-zone"
  "--availability|${folder}/good.json|--launch-spacing-minutes|5"
  "--availability|${folder}/good.json|--deadline-hours|47"
  "--availability|${folder}/good.json|--policies|clairvoyance"
  "--availability|${folder}/good.json|--unknown-option"
  "--windows|5")
foreach(case IN LISTS cases)
  string(REPLACE "|" ";" words "${case}")
  execute_process(COMMAND ${PROGRAM} ${words} RESULT_VARIABLE code OUTPUT_VARIABLE out ERROR_VARIABLE err)
  if(NOT code EQUAL 2)
    message(FATAL_ERROR "'${case}' ended with ${code}, not 2: ${out}${err}")
  endif()
  if(err STREQUAL "" OR NOT out STREQUAL "")
    message(FATAL_ERROR "'${case}' has to say one thing on standard error: '${out}' '${err}'")
  endif()
  if(err MATCHES "\n." AND NOT err MATCHES "Run with --help")
    message(FATAL_ERROR "'${case}' has to be answered by one line: '${err}'")
  endif()
endforeach()
execute_process(COMMAND ${PROGRAM} --availability ${folder}/good.json --windows 2 --json RESULT_VARIABLE code OUTPUT_VARIABLE out)
if(NOT code EQUAL 0)
  message(FATAL_ERROR "a good command line ended with ${code}")
endif()
string(JSON mean GET "${out}" policies spillway mean)
