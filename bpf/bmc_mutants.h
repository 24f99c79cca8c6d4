/* SPDX-License-Identifier: LGPL-2.1-only */
/*
 * Guards of the rules that a test can switch off, to see that it notices: bmc_config.mutants has a bit for each. No
 * option of bmcctl sets one. The settings are constants to the verifier: what a guard costs when it is on is one load.
 * Those that test/model/check.sh takes out as well have the model's names.
 */
#ifndef BMC_MUTANTS_H
#define BMC_MUTANTS_H

#define BMC_MUTANTS(X)                                                                             \
	X(NO_INVAL, "a write leaves the entry valid")                                              \
	X(NO_FLIGHT, "a write is not in flight")                                                   \
	X(NO_OVERFLOW_HOLD, "a write without a place holds nothing")                               \
	X(SILENT_AT_ONCE, "a silent command's ordinal is that of the last answering one")          \
	X(NO_T_REP, "a finished flight is cleared without the time of its answer")                 \
	X(CLOSED_NO_NOW, "a closed connection's flight is cleared without a time")                 \
	X(NO_T_QUIET, "a hold ends without a time")                                                \
	X(NO_HOLD, "an unknown write holds nothing")                                               \
	X(NO_EPOCH_UP, "an unknown write voids nothing")                                           \
	X(NO_DOUBT, "an error line of a silent command counts as an answer")                       \
	X(NO_GEN, "a closed connection's writer keeps its generation, and its time")               \
	X(TAKE_KEEPS_REP, "a taken writer keeps its last owner's answers")                         \
	X(NO_LIFE_IN_FLIGHT, "a flight does not end with the server")                              \
	X(GONE_NO_EPOCH, "what a server had is not void when it is gone")                          \
	X(NO_UDP_OUT, "a write over UDP is not in flight")                                         \
	X(NO_COUNT, "a fill does not look at holds")                                               \
	X(NO_STAMP, "a fill does not look at the time of its request")                             \
	X(NO_RECOMPARE, "a fill does not compare the flights with what it looked at")              \
	X(NO_LOOK_AGAIN, "a fill does not look at the flights again when its entry is valid")      \
	X(NO_FLUSH_TIME, "a fill does not wait for a delayed flush_all")                           \
	X(ALL_READ, "a fill does not look whether all commands were read")                         \
	X(NO_OWNER_OF_ADDRESS, "a fill does not look whose its address is")                        \
	X(NO_FORM, "a reply of five tokens is an item")                                            \
	X(WAY_SHARED, "two fills write one place at once")                                         \
	X(NO_ODD, "a fill does not change seq")                                                    \
	X(NO_SECOND_SEQ, "a hit looks at seq once")                                                \
	X(ODD_READ, "a hit does not refuse an odd seq")                                            \
	X(NO_HIT_EPOCH, "a hit does not compare the epoch")                                        \
	X(NO_UNTIL, "a hit does not look at the entry's end")                                      \
	X(NO_KEY, "a hit compares the key's tag and length only")                                  \
	X(NO_ADDRESS, "a hit does not compare the local address")                                  \
	X(NO_PARTIAL_LINE, "the first part of a line is forgotten at the segment's end")           \
	X(NO_STREAM_ORDER, "segments are parsed as they come")                                     \
	X(TAUGHT_BY_ALL, "a set of which memcached makes nothing teaches like others")             \
	X(ENDED_TEACHES, "a set whose connection ended unanswered was carried out")                \
	X(NO_COMPANY, "a set teaches though another write is in flight")                           \
	X(SETTLE_FORGETS, "a set that is not known to be carried out leaves no bound")             \
	X(ANY_TIME, "a set like the one before it, but for its time, teaches nothing")             \
	X(NOTE_KEEPS, "a write that may be carried out leaves no bound")                           \
	X(NO_LIFE_EPOCH, "what voids items does not void what is known of their lives")            \
	X(LEARN_ANYWAY, "what a dump says of an item goes before what a write of it said")         \
	X(LEARN_MAKES_ROOM, "a life that is not there was never noted")

enum bmc_mutant {
#define BMC_MUTANT_ENUM(id, text) BMC_MUT_##id,
	BMC_MUTANTS(BMC_MUTANT_ENUM)
#undef BMC_MUTANT_ENUM
		BMC_MUT_COUNT
};

_Static_assert(BMC_MUT_COUNT <= 64, "a bit for each in bmc_config.mutants");

#endif
