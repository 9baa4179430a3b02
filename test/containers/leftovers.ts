import { execa } from 'execa'

/** Carried by every container and volume of the lane; the value is the process that will remove it. */
const ownerLabel = 'dev.guildhall.lane-process'

/** The label of what this process makes. */
export const ownLabels: Readonly<Record<string, string>> = { [ownerLabel]: String(process.pid) }

/** Removes containers and volumes of lanes whose process is gone: a killed run removes nothing by itself. */
export async function removeLeftovers(): Promise<void> {
  const own = `label=${ownerLabel}`
  const format = `{{ .ID }} {{ .Label "${ownerLabel}" }}`
  const containers = await list(['ps', '--all', '--filter', own, '--format', format])
  for (const id of containers) await execa('docker', ['rm', '--force', '--volumes', id])
  const named = `{{ .Name }} {{ .Label "${ownerLabel}" }}`
  const volumes = await list(['volume', 'ls', '--filter', own, '--format', named])
  for (const name of volumes) await execa('docker', ['volume', 'rm', name], { reject: false })
}

/** The first word of each line whose second is a process that is gone. */
async function list(args: readonly string[]): Promise<readonly string[]> {
  const { stdout } = await execa('docker', [...args])
  return stdout.split('\n').flatMap((line) => {
    const [id = '', pid] = line.split(' ')
    return pid !== undefined && !lives(Number(pid)) ? [id] : []
  })
}

function lives(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
