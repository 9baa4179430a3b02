import { expect, test } from 'vitest'
import { endOf } from './teardown.ts'

const directory = '/var/lib/guildhall'

test.each([
  [
    { wasThere: true, hadState: true, purge: false },
    /^the cluster is gone; images, .* stay in \/var\/lib\/guildhall/,
  ],
  [
    { wasThere: false, hadState: true, purge: false },
    /^there is no cluster to remove; images, certificates and logs are in/,
  ],
  [{ wasThere: false, hadState: false, purge: false }, /^there is no cluster to remove$/],
  [
    { wasThere: true, hadState: true, purge: true },
    /^the cluster is gone, and so is \/var\/lib\/guildhall$/,
  ],
  [
    { wasThere: false, hadState: true, purge: true },
    /^there was no cluster; removed what earlier ones left/,
  ],
  [
    { wasThere: false, hadState: false, purge: true },
    /^there is no cluster to remove, and nothing of earlier ones$/,
  ],
])('down tells what it did, not what it would have done: %o', (seen, want) => {
  expect(endOf({ ...seen, directory })).toMatch(want)
})
