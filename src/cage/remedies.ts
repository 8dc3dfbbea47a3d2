/** What a machine says of itself where namespaces were refused. Texts are as the kernel shows them; empty where there are none. */
export type Machine = {
  /** user.max_user_namespaces. */
  readonly userNamespacesMax: string
  /** kernel.unprivileged_userns_clone, a switch of Debian's kernels. */
  readonly unprivilegedClone: string
  /** kernel.apparmor_restrict_unprivileged_userns, a switch of Ubuntu's. */
  readonly appArmorRestricts: string
  /** The AppArmor profile of this process. */
  readonly appArmorProfile: string
  /** System calls of this process pass a seccomp filter, as they do in most containers. */
  readonly isFiltered: boolean
}

const FILTERED =
  'a seccomp filter holds this process, as in most containers: ' +
  'Docker: --security-opt seccomp=PROFILE, a profile that permits clone, unshare, mount, umount2, pivot_root and sethostname ' +
  '(seccomp=unconfined permits every call there is; --cap-add SYS_ADMIN makes the default profile permit them, and gives root ' +
  'of the container most of what root of the machine has); ' +
  'Kubernetes: securityContext.seccompProfile of type Localhost with such a profile, and hostUsers: false'

const HIDDEN_PROC =
  'a new /proc may not show what the present one hides: Docker: --security-opt systempaths=unconfined; ' +
  'Kubernetes: procMount: Unmasked together with hostUsers: false'

const ANYTHING =
  'allow user namespaces: user.max_user_namespaces above 0, kernel.unprivileged_userns_clone=1 (Debian), ' +
  'kernel.apparmor_restrict_unprivileged_userns=0 (Ubuntu)'

const isConfined = (profile: string): boolean => profile !== '' && !profile.startsWith('unconfined')

/**
 * What to set so that a box can be built, from what the attempt said (`why`) and what the machine says of itself. More than one
 * thing may stand in the way; each that is seen is told.
 */
export const namespacesRemedy = (why: string, machine: Machine): string => {
  const found = [
    machine.userNamespacesMax === '0' ? 'sysctl -w user.max_user_namespaces=15000' : '',
    machine.unprivilegedClone === '0' ? 'sysctl -w kernel.unprivileged_userns_clone=1' : '',
    machine.appArmorRestricts === '1'
      ? 'sysctl -w kernel.apparmor_restrict_unprivileged_userns=0, or an AppArmor profile for bwrap with the rule `userns,`'
      : '',
    machine.isFiltered ? FILTERED : '',
    isConfined(machine.appArmorProfile)
      ? `AppArmor holds this process (${machine.appArmorProfile}), and its profile may refuse to mount: ` +
        'Docker: --security-opt apparmor=PROFILE; Kubernetes: securityContext.appArmorProfile'
      : '',
    /\bproc\b/.test(why) && /mount/.test(why) ? HIDDEN_PROC : '',
  ].filter((text) => text !== '')
  return found.length === 0 ? ANYTHING : found.join('; ')
}
