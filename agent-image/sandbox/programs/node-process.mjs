// What happens to the process besides the tests: errors that nobody caught, and its end. Project code may listen to
// these as well, or stop others from listening; here they are seen first.
// oxlint-disable typescript/unbound-method -- called by `apply` only, whatever becomes of the prototypes
const { apply } = Reflect
const { defineProperty } = Object
const setAdd = WeakSet.prototype.add
const setHas = WeakSet.prototype.has
const mapGet = WeakMap.prototype.get
const mapSet = WeakMap.prototype.set
const { exit, reallyExit } = process

/** Thrown in the place of an exit when all has been done and only late errors are waited for. */
const leaving = { name: 'Error', message: 'the process was asked to end' }

/**
 * Watches the process. `onError(error)` gets each error that nobody caught, `onEnd(name, code)` each `beforeExit` and
 * `exit`. The result ends the process, and says whether an exit only unwinds the stack.
 */
export function watchProcess({ onError, onEnd }) {
  const seen = new WeakSet()
  let unwinds = false
  let inside = false
  const note = (error) => {
    if (typeof error === 'object' && error !== null) {
      if (apply(setHas, seen, [error])) return
      apply(setAdd, seen, [error])
    }
    onError(error)
  }
  const look = (name, value) => {
    if (name === 'uncaughtExceptionMonitor' || name === 'unhandledRejection') note(value)
    else if (name === 'beforeExit' || name === 'exit') onEnd(name, value)
  }
  const outer = new WeakMap()
  const around = (current) => {
    const known = apply(mapGet, outer, [current])
    if (known !== undefined) return known
    const emit = function (...args) {
      if (args[1] === leaving) return true
      if (!inside) {
        inside = true
        try {
          look(args[0], args[1])
        } finally {
          inside = false
        }
      }
      return apply(current, this, args)
    }
    apply(mapSet, outer, [current, emit])
    return emit
  }
  let current = process.emit
  const native = current
  defineProperty(process, 'emit', {
    configurable: false,
    enumerable: false,
    get: () => (typeof current === 'function' ? around(current) : current),
    set: (value) => {
      current = value
    },
  })
  const leave = function (code) {
    if (unwinds) throw leaving
    return apply(exit, process, arguments.length === 0 ? [] : [code])
  }
  defineProperty(leave, 'name', { value: 'exit' })
  process.exit = leave
  return {
    /** While `on`, `process.exit` does not end the process, but leaves the function that called it. */
    unwind(on) {
      unwinds = on
    },
    /** Whether an error is nothing but such an exit. */
    isExit: (error) => error === leaving,
    /** Runs the listeners to `exit`, as every end of a process does; gives what they threw. */
    runExitListeners() {
      try {
        apply(native, process, ['exit', process.exitCode ?? 0])
        return undefined
      } catch (error) {
        return error === leaving ? undefined : { error }
      }
    },
    end: () => apply(reallyExit, process, [0]),
  }
}
