#!/usr/bin/perl
# SPDX-License-Identifier: LGPL-2.1-only
# closure.pl DUMP SOURCE…: of a full vmlinux.h (bpftool btf dump … format c) prints only what the sources use: the types
# that they name, and whatever these hold by value. What is only pointed at becomes a forward declaration.
use strict;
use warnings;

# Types of the kernel's inside, read through CO-RE relocations only: of these just the members that the sources
# name are kept. All others (packet headers, contexts of BPF programs) keep their layout.
my %inside = map { +"struct $_" => 1 } qw(sock sock_common inet_sock inet_connection_sock tcp_sock task_struct sk_buff);

my ($dump, @sources) = @ARGV;
die "usage: closure.pl DUMP SOURCE...\n" unless @sources;

sub slurp {
	my ($path) = @_;
	open(my $file, '<', $path) or die "cannot read '$path': $!\n";
	local $/;
	return <$file>;
}

# The identifiers of the sources, without comments and strings.
my %used;
for my $path (@sources) {
	my $text = slurp($path);
	$text =~ s{/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"}{ }gs;
	$used{$_} = 1 for $text =~ /\b[A-Za-z_]\w*/g;
}

# Top-level declarations of the dump, in its order; which names each one declares.
my (@chunks, %chunk_of);
my ($chunk, $depth) = ('', 0);
for my $line (split /\n/, slurp($dump)) {
	next if $depth == 0 && $line =~ /^\s*(#|$)/;
	$chunk .= "$line\n";
	$depth += ($line =~ tr/{//) - ($line =~ tr/}//);
	next if $depth > 0 || $line !~ /;\s*$/;
	push @chunks, $chunk unless $chunk =~ /^(struct|union) \w+;$/;
	$chunk = '';
}
for my $i (0 .. $#chunks) {
	my $text = $chunks[$i];
	if ($text =~ /^((?:struct|union|enum) \w+)(?: __attribute__.*?)? \{/) {
		$chunk_of{$1} = $i;
	} elsif ($text =~ /^typedef .*\(\*(\w+)\)\(.*;$/ || $text =~ /^typedef .*?(\w+)(?:\[\w*\])*(?: __attribute__.*)?;\s*\z/s) {
		$chunk_of{$1} = $i;
	}
	if ($text =~ /^(?:typedef )?enum(?: \w+)? \{(.*)\}/s) {
		$chunk_of{$_} = $i for $1 =~ /^\s*(\w+)\s*(?:=|,|$)/mg;
	}
}

# Keeps, of a type of the kernel's inside, the members that the sources name (nested ones as a whole).
sub trimmed {
	my ($text) = @_;
	my ($out, $member, $level) = ('', '', 0);
	my @lines = split /\n/, $text;
	my ($head, $tail) = (shift @lines, pop @lines);
	for my $line (@lines) {
		$member .= "$line\n";
		$level += ($line =~ tr/{//) - ($line =~ tr/}//);
		next if $level > 0;
		my ($last) = $line =~ /(\w+)(?:\[\w*\])*(?: *: *\d+)?;\s*$/;
		$out .= $member if defined $last && $last ne 'long' && $used{$last};
		$member = '';
	}
	return "$head\n$out$tail\n";
}

my (%keep, %pointed, @todo);
sub want {
	my ($name) = @_;
	return unless exists $chunk_of{$name};
	my $i = $chunk_of{$name};
	push @todo, [ $i, $name ] unless exists $keep{$i};
	$keep{$i} //= '';
}

# A word of the sources may be a variable of theirs and somebody's typedef by chance: only where a type can stand.
sub want_typedef {
	my ($name) = @_;
	want($name) if exists $chunk_of{$name} && $chunks[$chunk_of{$name}] =~ /^typedef/;
}

sub want_constant {
	my ($name) = @_;
	want($name) if exists $chunk_of{$name} && $chunks[$chunk_of{$name}] !~ /^typedef (?!enum)/;
}

for my $path (@sources) {
	my $text = slurp($path);
	want("$1 $2") while $text =~ /\b(struct|union|enum)\s+(\w+)/g;
	want_typedef($1) while $text =~ /\b(\w+)\s+\**\w+\s*[;,=)\[]/g;
	want_typedef($1) while $text =~ /\((\w+)\s*\**\)/g;
}
want_constant($_) for sort keys %used;
# libbpf's headers need these.
want($_) for qw(__u8 __u16 __u32 __u64 __s8 __s16 __s32 __s64 __be16 __be32 __be64 __wsum bool);

while (my $next = shift @todo) {
	my ($i, $name) = @$next;
	my $text = $chunks[$i];
	$text = trimmed($text) if $inside{$name};
	$keep{$i} = $text;
	while ($text =~ /\b(struct|union|enum) (\w+)(?= )(?! \{)\s+(\**|\(\*)/g) {
		my ($kind, $tag, $star) = ($1, $2, $3);
		if ($kind eq 'enum' || $star eq '') {
			want("$kind $tag");
		} else {
			$pointed{"$kind $tag"} = 1;
		}
	}
	want($1) while $text =~ /\b([a-z_]\w*)(?= \**\w| \(|\))/g;
}

print "#ifndef __VMLINUX_H__\n#define __VMLINUX_H__\n\n";
print "#ifndef BPF_NO_PRESERVE_ACCESS_INDEX\n";
print "#pragma clang attribute push (__attribute__((preserve_access_index)), apply_to = record)\n#endif\n\n";
print "$_;\n" for sort grep { /^(struct|union) / } keys %pointed;
print "\n" if %pointed;
print "$keep{$_}\n" for sort { $a <=> $b } keys %keep;
print "#ifndef BPF_NO_PRESERVE_ACCESS_INDEX\n#pragma clang attribute pop\n#endif\n\n#endif\n";
