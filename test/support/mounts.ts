// Shell commands that mount, for containers that may: their images need not have mount(8).

/** Numbers of system calls, and flags of linux/mount.h. */
const PERL = `
my ($call, @a) = @ARGV;
my ($mount, $umount2) = qx(uname -m) =~ /x86_64/ ? (165, 166) : (40, 39);
my $failed = $call eq "mount" ? syscall($mount, @a[0..2], $a[3] + 0, $a[4]) : syscall($umount2, $a[0], 2);
die "$call @a: $!\\n" if $failed;`;

const MS_RDONLY = 1;
const MS_REMOUNT = 32;
const MS_BIND = 4096;

const call = (...args: string[]): string =>
  `perl -e '${PERL}' ${args.map((one) => `'${one}'`).join(' ')}`;

/** Mounts a file system in memory. */
export const mountTmpfs = (path: string, options: string): string =>
  call('mount', 'tmpfs', path, 'tmpfs', '0', options);

/** Makes it so that it can be read alone, or written again. */
export const remountTmpfs = (path: string, options: string, isReadOnly: boolean): string =>
  call('mount', 'tmpfs', path, 'tmpfs', `${MS_REMOUNT | (isReadOnly ? MS_RDONLY : 0)}`, options);

/** Mounts a folder a second time. */
export const mountBind = (from: string, to: string): string =>
  call('mount', from, to, '', `${MS_BIND}`, '');

/** Unmounts at once, whoever uses it: `umount --lazy`. */
export const unmount = (path: string): string => call('umount2', path);
