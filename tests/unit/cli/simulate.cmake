# The program itself: one sentence and exit code 2 for wrong input, and a simulation whose facts are known.
set(folder ${CMAKE_CURRENT_BINARY_DIR}/cli-simulate)
file(REMOVE_RECURSE ${folder})
set(work ${SOURCE}/simulations/fortnight)
set(history "instance_type,az,timestamp_utc,usd_per_hour\n")
set(price "p3.16xlarge,us-west-2a,2024-05-06T00:00:00Z,7.40\np3.16xlarge,us-west-2a,2024-05-20T00:00:00Z,7.40\n")
file(WRITE ${folder}/poor/prices.csv "${history}${price}")
file(WRITE ${folder}/negative/prices.csv "${history}p3.16xlarge,us-west-2a,2024-05-06T00:00:00Z,-1\n")
foreach(name IN ITEMS hole inverted below)
  file(WRITE ${folder}/${name}/prices.csv "${history}${price}")
endforeach()
file(WRITE ${folder}/hole/us-west-2a_v100_8.json "{\"metadata\": {\"gap_seconds\": 600}, \"data\": [1, null, 0]}")
file(WRITE ${folder}/below/us-west-2a_v100_8.json "{\"metadata\": {\"gap_seconds\": 600}, \"data\": [1, -1, 0]}")
file(WRITE ${folder}/inverted/us-west-2a_v100_8.json
  "{\"metadata\": {\"gap_seconds\": 600, \"encoding\": \"0=available\"}, \"data\": [1, 0]}")
file(WRITE ${folder}/bad.yaml "apiVersion: spillway.dev/v1alpha1\nkind: TrainingJob\nmetadata: {name: a}\nspec: {replica: 1}\n")
file(WRITE ${folder}/broken.yaml "kind: [\n")

# Words of the command line, "|" between them, and what the sentence has to name.
set(cases
  "-f|${work}|--market|${folder}/nowhere=>nowhere"
  "-f|${work}|--market|${folder}/poor=>spot-us-west-2b"
  "-f|${work}|--market|${folder}/negative=>prices.csv"
  "-f|${work}|--market|${folder}/hole=>us-west-2a_v100_8.json"
  "-f|${work}|--market|${folder}/below=>us-west-2a_v100_8.json"
  "-f|${work}|--market|${folder}/inverted=>us-west-2a_v100_8.json"
  "-f|${folder}/bad.yaml|--market|${work}/market=>bad.yaml"
  "-f|${folder}/bad.yaml|--market|${work}/market=>spec.replica"
  "-f|${folder}/broken.yaml|--market|${work}/market=>this is not YAML"
  "-f|${folder}/nowhere.yaml|--market|${work}/market=>nowhere.yaml"
  "-f|${work}|--market|${work}/market|--from|2024-05-08|--to|2024-05-07=>--from"
  "-f|${work}|--market|${work}/market|--config|${folder}/nowhere=>configuration file"
  "-f|${work}|--market|${work}/market|--seed|one=>--seed")
foreach(case IN LISTS cases)
  string(REGEX MATCH "^(.*)=>(.*)$" _ "${case}")
  set(wanted "${CMAKE_MATCH_2}")
  string(REPLACE "|" ";" words "${CMAKE_MATCH_1}")
  execute_process(COMMAND ${PROGRAM} simulate ${words} RESULT_VARIABLE code OUTPUT_VARIABLE out ERROR_VARIABLE err)
  string(REGEX MATCHALL "\n" ends "${err}")
  list(LENGTH ends lines)
  string(FIND "${err}" "${wanted}" at)
  if(NOT code EQUAL 2 OR NOT out STREQUAL "" OR NOT lines EQUAL 1 OR at LESS 0)
    message(FATAL_ERROR "'${case}' has to end with 2 and one sentence on standard error that names '${wanted}': ${code} '${out}' '${err}'")
  endif()
endforeach()

# A day and a half of the fortnight, twice.
set(words -f ${work} --market ${work}/market --to 2024-05-07T12:00:00Z -o json)
execute_process(COMMAND ${PROGRAM} simulate ${words} --report ${folder}/report.html
  RESULT_VARIABLE code OUTPUT_VARIABLE out ERROR_VARIABLE err)
if(NOT code EQUAL 0 OR NOT err MATCHES "simulated seconds per second")
  message(FATAL_ERROR "the fortnight ended with ${code}: ${err}")
endif()
execute_process(COMMAND ${PROGRAM} simulate ${words} OUTPUT_VARIABLE again ERROR_QUIET)
if(NOT out STREQUAL again)
  message(FATAL_ERROR "the same seed gave another history")
endif()
function(expect what)
  string(JSON found GET "${out}" ${ARGN})
  if(NOT found MATCHES "^${what}$")
    message(FATAL_ERROR "${ARGN} is '${found}', not '${what}'")
  endif()
endfunction()
expect("Simulation" kind)
expect("2024-05-06T00:00:00Z" from)
expect("0" totals deadlineMisses)
expect("0" totals failed)
expect("[1-9][0-9]*\\.[0-9]+" totals cost)
expect("[1-9][0-9]*\\.[0-9]+" totals onDemandEquivalent)
expect("Reserved" tiers 0 tier)
expect("[1-9][0-9]*" tiers 0 usedAcceleratorSeconds)
expect("assistant" teams 0 team)
expect("finetune-monday" workloads 0 name)
expect("Succeeded" workloads 0 phase)
expect("met" workloads 0 deadlineOutcome)
expect(".*[a-z].*" workloads 0 placements 0 reason)
string(JSON violations LENGTH "${out}" violations)
string(JSON workloads LENGTH "${out}" workloads)
if(NOT violations EQUAL 0 OR NOT workloads EQUAL 7)
  message(FATAL_ERROR "${violations} violations, ${workloads} workloads")
endif()
file(READ ${folder}/report.html page)
string(LENGTH "${page}" length)
if(NOT page MATCHES "^<!DOCTYPE html>" OR NOT page MATCHES "pretrain-small" OR length GREATER 2000000)
  message(FATAL_ERROR "the report is no page of at most 2 MB: ${length}")
endif()
