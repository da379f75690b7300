//! Draws the window's meshes on the processor, so that tests make pictures with no graphics driver.
//!
//! Same picture on every machine with the same compiler; use it through `Harness::builder().renderer(Soft::default())`.
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to the picture"
)]
#![expect(clippy::iter_over_hash_type, reason = "each texture is written on its own")]

use std::collections::BTreeMap;
use std::sync::Arc;

use egui::epaint::{Mesh, Primitive, Vertex};
use egui::{ColorImage, FullOutput, ImageData, Rect, TextureFilter, TextureId, TexturesDelta};
use image::{Rgba, RgbaImage};

/// A renderer for `egui_kittest` that needs neither a window nor a graphics card.
#[derive(Default)]
pub(crate) struct Soft {
    textures: BTreeMap<u64, Texture>,
}

struct Texture {
    image: ColorImage,
    is_nearest: bool,
}

/// Pixels that may be written: left, top, right (excluded), bottom (excluded).
type Clip = [i32; 4];

impl egui_kittest::TestRenderer for Soft {
    fn handle_delta(&mut self, delta: &mut TexturesDelta) {
        for (id, changes) in delta.set.drain() {
            for change in changes {
                let ImageData::Color(new) = change.image;
                if let Some([left, top]) = change.pos {
                    if let Some(old) = self.textures.get_mut(&key(id)) {
                        patch(&mut old.image, &new, left, top);
                    }
                } else {
                    let is_nearest = change.options.magnification == TextureFilter::Nearest;
                    let image = Arc::unwrap_or_clone(new);
                    self.textures.insert(key(id), Texture { image, is_nearest });
                }
            }
        }
        for id in delta.free.drain() {
            self.textures.remove(&key(id));
        }
    }

    fn render(&mut self, ctx: &egui::Context, output: &FullOutput) -> Result<RgbaImage, String> {
        let scale = ctx.pixels_per_point();
        let size = (ctx.content_rect().size() * scale).round();
        let mut picture = RgbaImage::new(size.x as u32, size.y as u32);
        for clipped in ctx.tessellate(output.shapes.clone(), scale) {
            let clip = clip(clipped.clip_rect, scale, size);
            match clipped.primitive {
                Primitive::Mesh(mesh) => self.mesh(&mut picture, &mesh, clip, scale),
                Primitive::Callback(_) => return Err("no callback can be drawn here".to_owned()),
            }
        }
        for pixel in picture.pixels_mut() {
            pixel.0[3] = 255;
        }
        Ok(picture)
    }
}

impl Soft {
    fn mesh(&self, picture: &mut RgbaImage, mesh: &Mesh, clip: Clip, scale: f32) {
        let Some(texture) = self.textures.get(&key(mesh.texture_id)) else {
            return;
        };
        for corners in mesh.indices.chunks_exact(3) {
            let mut corners = [corners[0], corners[1], corners[2]]
                .map(|corner| scaled(mesh.vertices[corner as usize], scale));
            if area(&corners[0], &corners[1], &corners[2]) < 0.0 {
                corners.swap(1, 2);
            }
            triangle(picture, texture, &corners, clip);
        }
    }
}

fn key(id: TextureId) -> u64 {
    match id {
        TextureId::Managed(number) => number * 2,
        TextureId::User(number) => number * 2 + 1,
    }
}

fn patch(old: &mut ColorImage, new: &ColorImage, left: usize, top: usize) {
    let (width, height) = (new.size[0], new.size[1]);
    for row in 0..height {
        let to = (top + row) * old.size[0] + left;
        old.pixels[to..to + width].copy_from_slice(&new.pixels[row * width..(row + 1) * width]);
    }
}

fn clip(rect: Rect, scale: f32, size: egui::Vec2) -> Clip {
    let side = |value: f32, most: f32| (value * scale).round().clamp(0.0, most) as i32;
    [
        side(rect.min.x, size.x),
        side(rect.min.y, size.y),
        side(rect.max.x, size.x),
        side(rect.max.y, size.y),
    ]
}

fn scaled(mut vertex: Vertex, scale: f32) -> Vertex {
    vertex.pos = (vertex.pos.to_vec2() * scale).to_pos2();
    vertex
}

/// Twice the signed area of a triangle.
fn area(a: &Vertex, b: &Vertex, c: &Vertex) -> f32 {
    edge(a, b, c.pos.x, c.pos.y)
}

/// Which side of the edge from `a` to `b` a point lies on.
fn edge(a: &Vertex, b: &Vertex, x: f32, y: f32) -> f32 {
    (b.pos.x - a.pos.x) * (y - a.pos.y) - (b.pos.y - a.pos.y) * (x - a.pos.x)
}

/// Whether a pixel that lies exactly on this edge belongs to the triangle: of two neighbours, to one only.
fn owns(a: &Vertex, b: &Vertex) -> bool {
    let (dx, dy) = (b.pos.x - a.pos.x, b.pos.y - a.pos.y);
    dy < 0.0 || (dy == 0.0 && dx > 0.0)
}

fn triangle(picture: &mut RgbaImage, texture: &Texture, corners: &[Vertex; 3], clip: Clip) {
    let [a, b, c] = corners;
    let whole = area(a, b, c);
    // A corner that is no number (a NaN in a figure) draws nothing, as on a graphics card.
    if whole.partial_cmp(&0.0) != Some(std::cmp::Ordering::Greater) {
        return;
    }
    let least = |f: fn(&Vertex) -> f32| f(a).min(f(b)).min(f(c)).floor() as i32;
    let most = |f: fn(&Vertex) -> f32| f(a).max(f(b)).max(f(c)).ceil() as i32;
    let (left, right) = (least(|v| v.pos.x).max(clip[0]), most(|v| v.pos.x).min(clip[2]));
    let (top, bottom) = (least(|v| v.pos.y).max(clip[1]), most(|v| v.pos.y).min(clip[3]));
    let edges = [(b, c), (c, a), (a, b)];
    let owned = edges.map(|(from, to)| owns(from, to));
    for y in top..bottom {
        for x in left..right {
            let (px, py) = (x as f32 + 0.5, y as f32 + 0.5);
            let weights = edges.map(|(from, to)| edge(from, to, px, py));
            if weights.iter().zip(owned).all(|(w, owns)| *w > 0.0 || (*w == 0.0 && owns)) {
                let weights = weights.map(|w| w / whole);
                shade(picture.get_pixel_mut(x as u32, y as u32), texture, corners, weights);
            }
        }
    }
}

/// Blends one pixel as egui does: colours premultiplied, in gamma space.
fn shade(pixel: &mut Rgba<u8>, texture: &Texture, corners: &[Vertex; 3], weights: [f32; 3]) {
    let mix = |f: &dyn Fn(&Vertex) -> f32| -> f32 {
        corners.iter().zip(weights).map(|(corner, weight)| f(corner) * weight).sum()
    };
    let texel = sample(texture, mix(&|v| v.uv.x), mix(&|v| v.uv.y));
    let color: [f32; 4] =
        std::array::from_fn(|i| mix(&|v| f32::from(v.color.to_array()[i])) * texel[i] / 255.0);
    let left_over = 1.0 - color[3] / 255.0;
    for (old, new) in pixel.0.iter_mut().zip(color) {
        *old = (new + f32::from(*old) * left_over).round().clamp(0.0, 255.0) as u8;
    }
}

/// The colour of a texture at `u`, `v`, 0..=255 each.
fn sample(texture: &Texture, u: f32, v: f32) -> [f32; 4] {
    let [width, height] = texture.image.size;
    let at = |x: f32, y: f32| {
        let x = (x.max(0.0) as usize).min(width - 1);
        let y = (y.max(0.0) as usize).min(height - 1);
        texture.image.pixels[y * width + x].to_array().map(f32::from)
    };
    let (x, y) = (u * width as f32, v * height as f32);
    if texture.is_nearest {
        return at(x, y);
    }
    let (x, y) = (x - 0.5, y - 0.5);
    let (left, top) = (x.floor(), y.floor());
    let (right_part, bottom_part) = (x - left, y - top);
    let [a, b] = [at(left, top), at(left + 1.0, top)];
    let [c, d] = [at(left, top + 1.0), at(left + 1.0, top + 1.0)];
    std::array::from_fn(|i| {
        let upper = a[i] + (b[i] - a[i]) * right_part;
        let lower = c[i] + (d[i] - c[i]) * right_part;
        upper + (lower - upper) * bottom_part
    })
}
