# SPDX-License-Identifier: LGPL-2.1-only
# Sourced by run.sh, demo.sh and kernels.sh. build_folder: BMC_BUILD, or build; build-test where build was made by
# another generator than Ninja (README's first command leaves that to CMake), which cannot be changed.

build_folder() {
	local generator
	generator=$(sed -n 's/^CMAKE_GENERATOR:INTERNAL=//p' build/CMakeCache.txt 2>/dev/null)
	if [ -n "${BMC_BUILD:-}" ]; then
		realpath -m "$BMC_BUILD"
	elif [ "${generator:-Ninja}" = Ninja ]; then
		echo "$PWD/build"
	else
		echo "$PWD/build-test"
	fi
}
