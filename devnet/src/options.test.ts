import { expect, test } from 'vitest'
import { parseOptions } from './options.ts'

test('without options it is five nodes, up until Ctrl-C, in .teapot', () => {
  expect(parseOptions([], '/home/me/teapot')).toEqual({
    nodes: 5,
    once: false,
    json: false,
    fresh: false,
    help: false,
    folder: '/home/me/teapot/.teapot',
  })
})

test('options are read', () => {
  const options = parseOptions(['--once', '--json', '--nodes', '7', '--fresh', '--folder', '/tmp/x'])
  expect(options).toEqual({ nodes: 7, once: true, json: true, fresh: true, help: false, folder: '/tmp/x' })
})

test.each([[['--nodes', '3']], [['--nodes', 'many']], [['--nodes', '4.5']], [['--nodes']], [['--cheat']], [['extra']]])(
  'bad options are refused: %j',
  (argv) => {
    expect(() => parseOptions(argv)).toThrow(expect.objectContaining({ code: 'devnet/bad-option' }))
  },
)
